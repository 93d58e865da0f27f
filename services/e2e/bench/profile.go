package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// freeAddress is one of this machine that nobody listens on at this moment.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is there at once
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// profiler takes the profiles of a process that has PPROF_ADDR.
type profiler struct{ at, dir string }

// during takes all profiles, of so long from now on.
func (p *profiler) during(d time.Duration) <-chan error {
	var g errgroup.Group
	for name, query := range map[string]string{"cpu": "profile", "allocs": "allocs", "block": "block", "mutex": "mutex"} {
		g.Go(func() error { return p.take(name, fmt.Sprintf("%s?seconds=%d", query, max(1, int(d.Seconds())))) })
	}
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	return done
}

// take keeps a profile, and writes what it says first as a text beside it.
func (p *profiler) take(name, query string) error {
	res, err := http.Get("http://" + p.at + "/debug/pprof/" + query) //nolint:noctx // bounded by the query
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it is read to its end
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", query, res.Status, b)
	}
	file := filepath.Join(p.dir, name+".prof")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return err
	}
	var text []byte
	for _, order := range []string{"flat", "cum"} {
		args := []string{"tool", "pprof", "-top", "-nodecount=80"}
		if order == "cum" {
			args = append(args, "-cum")
		}
		if name == "allocs" {
			args = append(args, "-sample_index=alloc_space")
		}
		out, err := exec.Command("go", append(args, file)...).Output() //nolint:gosec,noctx // our own file
		if err != nil {
			return fmt.Errorf("go tool pprof: %w", err)
		}
		text = append(append(text, fmt.Sprintf("## %s, by %s\n", name, order)...), out...)
	}
	return os.WriteFile(filepath.Join(p.dir, name+".txt"), text, 0o600)
}
