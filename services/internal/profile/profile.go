// Package profile lets whoever sits at the machine see what a process spends
// its time and memory on.
package profile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

// Config is a process's environment.
type Config struct {
	// Addr is where profiles are to be had, on this machine alone: host:port,
	// for `go tool pprof http://host:port/debug/pprof/profile`. Where it is not
	// set there are none, and they cost nothing.
	Addr string `env:"PPROF_ADDR"`
}

// One in so many contended mutexes is looked at, and what blocks for so many
// nanoseconds, or its share of that.
const (
	mutexes  = 20
	blocking = int(100 * time.Microsecond)
)

// Start serves profiles where c says, if it does, until stop is called.
func Start(ctx context.Context, c Config) (stop func(), err error) {
	if c.Addr == "" {
		return func() {}, nil
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("PPROF_ADDR: %w", err)
	}
	if !config.LoopbackHost(host) {
		return nil, errors.New("PPROF_ADDR: profiles are for this machine alone; listen on 127.0.0.1")
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("PPROF_ADDR: %w", err)
	}
	runtime.SetMutexProfileFraction(mutexes)
	runtime.SetBlockProfileRate(blocking)
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(ln) }() // it ends by Close, and nothing depends on it
	return func() { _ = server.Close() }, nil
}
