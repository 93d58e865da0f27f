package config_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

func TestLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "127.9.9.9:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.1:80": false, "example.com:80": false, "80": false, "": false,
	} {
		if got := config.Loopback(addr); got != want {
			t.Errorf("%q is loopback: %v", addr, got)
		}
	}
}
