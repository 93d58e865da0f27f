// Package mongodbtest is what every adapter to MongoDB must stand.
package mongodbtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

const (
	// workers are as many as a stand-in that does one thing at a time can
	// serve within the timeout, and more than it can at once.
	workers = 8
	// timeout is the adapters', and hung how long a call takes that hangs.
	timeout = 2 * time.Second
	hung    = time.Minute
)

// Adapter is one under test.
type Adapter struct {
	// Write does something new each time that it is called, by one call of the
	// adapter. What it is to have done is acknowledged when it returns nil.
	Write func(ctx context.Context) error
	// Lost returns how many acknowledged writes are not there, and how many
	// are there in part, acknowledged or not. No write is under way. It reads by
	// suitetest.Ask.
	Lost func(t *testing.T) (lost, half int)
	// Ping is the adapter's.
	Ping func(ctx context.Context) error
	// Patience is for how long a test waits until something has happened: five minutes if 0.
	Patience time.Duration
}

// TestOutages takes the server away from an adapter while several workers write. No
// call hangs, what cannot be done is storage.ErrUnavailable, nothing that was
// acknowledged is lost, and all returns by itself.
func TestOutages(t *testing.T, open func(t *testing.T, o mongodb.Options) Adapter) {
	t.Run("killed", func(t *testing.T) {
		server := mongotest.NewServer(t)
		a := open(t, mongodb.Options{URL: server.New(t), Timeout: timeout})
		how := "killed" // or, where the server is not ours to kill
		if !server.Kills() {
			how = "cut off"
		}
		underLoad(t, a, server.Info(), how+" twice", 2, func(l *load) {
			must(t, server.Kill(t.Context()))
			l.refuses(workers)
			if err := a.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("ping: %v, want ErrUnavailable", err)
			}
			must(t, server.Start(t.Context()))
		})
	})

	for name, do := range map[string]struct {
		options mongodb.Options
		times   int
		outage  func(n network, l *load)
	}{
		"reset": {times: 3, outage: func(n network, l *load) {
			n.Reset()
			l.refuses(workers)
		}},
		"slowed": {times: 1, outage: func(n network, l *load) {
			n.Slow(20 * time.Millisecond)
			l.acknowledges(workers)
		}},
		"slowed_beyond_the_timeout": {times: 1, outage: func(n network, l *load) {
			n.Slow(2 * timeout)
			l.refuses(workers)
		}},
		"silent": {times: 2, outage: func(n network, l *load) {
			n.Silence()
			l.refuses(workers)
		}},
		"out_of_connections": {options: mongodb.Options{MaxConns: 1}, times: 1, outage: func(n network, l *load) {
			n.Slow(timeout / 4)
			l.refuses(workers)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := do.options
			o.Timeout = timeout
			uri, n := mongotest.Through(t, mongotest.New(t))
			o.URL = uri
			underLoad(t, open(t, o), mongotest.Serving(t), name, do.times, func(l *load) {
				do.outage(n, l)
				n.Restore()
			})
		})
	}
}

type network interface {
	Reset()
	Slow(by time.Duration)
	Silence()
}

func underLoad(t *testing.T, a Adapter, server mongotest.Info, what string, times int, outage func(l *load)) {
	t.Helper()
	l := start(t, a)
	l.acknowledges(4 * workers)
	var away time.Duration
	for range times {
		begin := time.Now()
		outage(l)
		away += time.Since(begin)
		l.acknowledges(4 * workers) // it returns by itself
	}
	l.stop()
	lost, half := a.Lost(t)
	if lost > 0 || half > 0 {
		t.Errorf("%d acknowledged writes are lost, and %d have half of their effect", lost, half)
	}
	t.Logf("%s, %s, away %v: %d requests tried, %d refused, %d acknowledged, lost = %d; the slowest took %v",
		server, what, away.Round(time.Millisecond), l.tried.Load(), l.refused.Load(), l.acknowledged.Load(), lost,
		time.Duration(l.slowest.Load()).Round(time.Millisecond))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
