//go:build integration

package postgres_test

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/postgres"
)

// A rotation whose commit is not answered is reported as unavailable. The
// client repeats it and goes on, whether it took effect or not.
func TestARotationWhoseCommitIsNotAnsweredCanBeRepeated(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	token := func(name string) user.RefreshToken {
		return user.RefreshToken{Hash: user.HashToken(name), ExpiresAt: now.Add(time.Hour)}
	}
	for name, forward := range map[string]bool{"it took effect": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.New(t, postgres.Migrate)
			other := openAt(t, url).Sessions
			session := user.Session{ID: "s", UserID: "u", PasswordVersion: 3, Secret: []byte{1}, StartedAt: now}
			if err := other.Start(t.Context(), session, token("a")); err != nil {
				t.Fatal(err)
			}
			network := losesCommit(t, url)
			network.forward = forward
			s := openAt(t, network.url).Sessions
			network.armed.Store(true)
			if err := s.Rotate(t.Context(), user.HashToken("a"), token("b"), now); !errors.Is(err, storage.ErrUnavailable) {
				t.Fatalf("error %v, want ErrUnavailable", err)
			}
			if network.armed.Load() {
				t.Fatal("no commit was lost")
			}
			if err := s.Rotate(t.Context(), user.HashToken("a"), token("b"), now); err != nil {
				t.Errorf("the repeat: %v", err)
			}
			if err := other.Rotate(t.Context(), user.HashToken("b"), token("c"), now); err != nil {
				t.Errorf("the new token: %v", err)
			}
			if err := other.Rotate(t.Context(), user.HashToken("a"), token("b"), now); !errors.Is(err, user.ErrTokenReused) {
				t.Errorf("the old token again: %v, want ErrTokenReused", err)
			}
		})
	}
}

// network breaks a connection when it is armed and sees a commit, which the
// server is given or not, and whose answer the client is not.
type network struct {
	url     string
	armed   atomic.Bool
	forward bool
}

// commit is a simple query as it is sent.
var commit = append([]byte{'Q', 0, 0, 0, 4 + 7}, "commit\x00"...)

func losesCommit(t *testing.T, url string) *network {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	server := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &network{url: strings.Replace(url, server, l.Addr().String(), 1)}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go n.connect(client, server)
		}
	}()
	return n
}

func (n *network) connect(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	var lost atomic.Bool
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		buf := make([]byte, 1<<16)
		for {
			k, err := server.Read(buf)
			if lost.Load() {
				return
			}
			if err != nil {
				_ = client.Close()
				return
			}
			_, _ = client.Write(buf[:k])
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		k, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.Equal(buf[:k], commit) && n.armed.CompareAndSwap(true, false) {
			lost.Store(true)
			if n.forward {
				_, _ = server.Write(buf[:k])
				<-answered
			}
			return
		}
		_, _ = server.Write(buf[:k])
	}
}
