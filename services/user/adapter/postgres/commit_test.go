//go:build integration

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/postgres"
)

// Were it left open whether a rotation was committed, the client would be told
// to try again, with a token that is used: that ends its session.
func TestARotationWhoseCommitIsNotAnsweredIsSettled(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	token := func(name string) user.RefreshToken {
		return user.RefreshToken{Hash: user.HashToken(name), ExpiresAt: now.Add(time.Hour)}
	}
	for name, c := range map[string]struct {
		forward   bool                      // the commit takes effect
		away      int64                     // connections that fail after that
		patience  time.Duration             // the caller's
		meanwhile func(user.Sessions) error // what another caller does before the connection breaks
		want      error
	}{
		"it took effect":                 {forward: true, patience: time.Minute},
		"it did not":                     {patience: time.Minute},
		"it took effect, then an outage": {forward: true, away: 6, patience: time.Minute},
		"it did not, and then an outage": {away: 6, patience: time.Minute},
		"an outage longer than can wait": {forward: true, away: 1 << 40, patience: 500 * time.Millisecond, want: storage.ErrUnavailable},
		"the session is revoked meanwhile": {forward: true, patience: time.Minute, want: user.ErrInvalidGrant,
			meanwhile: func(s user.Sessions) error {
				return s.Revoke(context.Background(), user.HashToken("a"), now)
			}},
		"the token is used meanwhile": {forward: true, patience: time.Minute, want: user.ErrInvalidGrant,
			meanwhile: func(s user.Sessions) error {
				if _, err := s.Rotate(context.Background(), user.HashToken("a"), token("x"), now); !errors.Is(err, user.ErrTokenReused) {
					return errors.Join(errors.New("the other one was not refused"), err)
				}
				return nil
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.New(t, postgres.Migrate)
			other := openAt(t, url).Sessions
			session := user.Session{ID: "s", UserID: "u", PasswordVersion: 3, StartedAt: now}
			if err := other.Start(t.Context(), session, token("a")); err != nil {
				t.Fatal(err)
			}
			network := losesCommit(t, url)
			network.forward, network.away = c.forward, c.away
			if c.meanwhile != nil {
				network.meanwhile = func() {
					if err := c.meanwhile(other); err != nil {
						t.Error(err)
					}
				}
			}
			s := openAt(t, network.url).Sessions
			network.armed.Store(true)
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			got, err := s.Rotate(ctx, user.HashToken("a"), token("b"), now)
			if network.armed.Load() {
				t.Fatal("no commit was lost")
			}
			if c.want != nil {
				if !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				return
			}
			if diff := cmp.Diff(session, got); err != nil || diff != "" {
				t.Fatalf("error %v, session (-want +got):\n%s", err, diff)
			}
			if _, err := other.Rotate(t.Context(), user.HashToken("b"), token("c"), now); err != nil {
				t.Errorf("the new token: %v", err)
			}
			if _, err := other.Rotate(t.Context(), user.HashToken("a"), token("d"), now); !errors.Is(err, user.ErrTokenReused) {
				t.Errorf("the old token again: %v, want ErrTokenReused", err)
			}
		})
	}
}

// network breaks when it is armed and sees a commit, which the server is given
// or not, and whose answer the client is not.
type network struct {
	url       string
	armed     atomic.Bool
	forward   bool
	meanwhile func()
	away      int64 // connections that fail after that
	failed    atomic.Int64
	broken    atomic.Bool
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
	n := &network{url: strings.Replace(url, server, l.Addr().String(), 1), meanwhile: func() {}}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			if n.broken.Load() && n.failed.Add(1) <= n.away {
				_ = client.Close()
				continue
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
			n.broken.Store(true)
			if n.forward {
				_, _ = server.Write(buf[:k])
				<-answered
			}
			n.meanwhile()
			return
		}
		_, _ = server.Write(buf[:k])
	}
}
