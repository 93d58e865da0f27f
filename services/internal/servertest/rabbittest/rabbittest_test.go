//go:build integration

package rabbittest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
)

var bookings = rabbittest.Binding{Exchange: "bookings", Queue: "event-bookings"}

func TestEachTestHasItsOwnVirtualHost(t *testing.T) {
	t.Parallel()
	t.Log(rabbittest.Serving(t))
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			v := rabbittest.New(t)
			t.Logf("a virtual host in %v", time.Since(began).Round(time.Millisecond))
			if there := v.Bindings(t); len(there) > 0 {
				t.Errorf("it is not empty: %v", there)
			}
			v.Declare(t, bookings)
			want := []byte{0, 0xff, byte(i)}
			v.Publish(t, "bookings", want)
			if got := v.Take(t, bookings.Queue); len(got) != 1 || !slices.Equal(got[0], want) {
				t.Errorf("the queue has %q; another test uses it", got)
			}
		})
	}
}

// What a queue has before the kill it has after it, at the same address.
func TestServerKilledAndStarted(t *testing.T) {
	t.Parallel()
	server := rabbittest.NewServer(t)
	v := server.New(t)
	before := v.URL()
	v.Declare(t, bookings)
	v.Publish(t, "bookings", []byte("kept"))
	mustHold(t, v, 1) // on its way it may be lost: nobody has confirmed it
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	if server.Answers(t.Context()) {
		t.Error("a killed server answers")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("down for %v, process killed: %v", time.Since(down).Round(time.Millisecond), server.Kills())
	if v.URL() != before {
		t.Errorf("it was at %s and is at %s", before, v.URL())
	}
	if !v.Bindings(t)[bookings] {
		t.Error("the binding is gone")
	}
	mustHold(t, v, 1) // a queue comes back after the server
	if got := v.Take(t, bookings.Queue); len(got) != 1 || string(got[0]) != "kept" {
		t.Errorf("the queue has %q after the restart", got)
	}
}

// mustHold waits until the queue says that it has so many messages, which it does
// every few seconds.
func mustHold(t *testing.T, v *rabbittest.VHost, messages int) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		queues := v.Queues(t)
		if len(queues) == 1 && queues[0].Messages == messages {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("a minute later the queues are %v", queues)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
