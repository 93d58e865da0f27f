package freeport_test

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/freeport"
)

// A thousand ports go to each of two processes: by chance alone they would share
// about a hundred.
func TestNoTwoProcessesGetTheSame(t *testing.T) {
	if os.Getenv("PORTS_OF_ANOTHER") != "" {
		for range 1_000 {
			_, _ = os.Stdout.WriteString(freeport.Address() + "\n")
		}
		return
	}
	t.Parallel()
	ours := map[string]bool{}
	for range 1_000 {
		addr := freeport.Address()
		if ours[addr] {
			t.Fatalf("%s is returned twice", addr)
		}
		ours[addr] = true
	}
	for range 2 {
		runtime.GC() // a port that nobody keeps would be let go
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "PORTS_OF_ANOTHER=yes")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for addr := range bytes.Lines(out) {
		addr := string(bytes.TrimSpace(addr))
		if ours[addr] {
			t.Errorf("another process gets %s, too", addr)
		}
		if len(addr) > len("127.0.0.1:") && addr[:len("127.0.0.1:")] == "127.0.0.1:" {
			n++
		}
	}
	if n != 1_000 {
		t.Errorf("the other process gets %d ports, want 1000", n)
	}
}
