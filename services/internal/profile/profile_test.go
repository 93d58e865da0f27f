package profile

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":6060", "0.0.0.0:6060", "[::]:6060", "192.0.2.1:6060", "example.com:6060", "6060"} {
		if _, err := Start(t.Context(), Config{Addr: addr}); err == nil || !strings.Contains(err.Error(), "PPROF_ADDR") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestProfilesAreServedWhereAskedFor(t *testing.T) {
	t.Parallel()
	stop, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if stop, err = Start(t.Context(), Config{Addr: addr}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"allocs", "block", "mutex", "goroutine"} {
		res, err := http.Get("http://" + addr + "/debug/pprof/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || len(b) == 0 {
			t.Errorf("%s: %d, %d bytes, %v", kind, res.StatusCode, len(b), err)
		}
	}
	stop()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it is still served")
	}
}
