// The stand-in for MongoDB where no image of it can be pulled: FerretDB with
// its SQLite backend, made atomic by letting one request of a database in at a
// time.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/FerretDB/FerretDB/build/version"
	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	address, dir := ":27017", "/data/db"
	debug.SetGCPercent(400) // memory is cheaper here than time
	if err := run(address, dir); err != nil {
		fmt.Fprintln(os.Stderr, "mongo stand-in:", err)
		os.Exit(1)
	}
}

// run serves until the process is told to stop, and stops between two
// requests. What was acknowledged is written by then; no goodbye is needed.
func run(address, dir string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	socket := filepath.Join(os.TempDir(), "ferretdb.sock")
	// A killed server leaves its socket behind.
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := serveFerretDB(ctx, socket, dir); err != nil {
		return err
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	t := &turnstile{socket: socket}
	go func() {
		<-ctx.Done()
		t.open.Lock() // not released: no further request gets in
		os.Exit(0)
	}()
	// The words mongod says, for whoever waits for them.
	fmt.Println("Waiting for connections: FerretDB", ferretVersion(), "stand-in on", ln.Addr())
	return t.serve(ctx, ln)
}

// serveFerretDB has FerretDB listen on a Unix socket and keep its files in dir.
// It listens when this returns.
func serveFerretDB(ctx context.Context, socket, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	version.Get().Version = ferretVersion() // buildInfo otherwise says "unknown"
	f, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{Unix: socket},
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:  "sqlite",
		// What a killed process has written is with the system, and stays. That
		// the machine loses power is beyond what a stand-in has to show.
		SQLiteURL: "file:" + dir + "/?_pragma=synchronous(off)",
	})
	if err != nil {
		return err
	}
	go func() { _ = f.Run(ctx) }() // its error is always nil
	return nil
}

// ferretVersion is the FerretDB that this binary was built with.
func ferretVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/FerretDB/FerretDB" {
			return m.Version
		}
	}
	return "(unknown version)"
}
