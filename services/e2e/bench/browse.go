package main

import (
	"fmt"
	"net/http"
	"time"
)

// browse reads as visitors do, by the gateway and past it: the first time, and
// again with the ETag of what they have.
func (b *bench) browse(p *platform, organizer *account, visitors []*account) ([]*Result, error) {
	// A list of a few pages, as there is of events that are on sale.
	var event string
	for range 25 {
		var err error
		if event, err = p.publish(organizer, 100); err != nil {
			return nil, err
		}
	}
	short := *b
	short.time = max(b.time/8, 300*time.Millisecond)
	var all []*Result
	for _, entry := range []struct{ to, by string }{{"user", "by the gateway"}, {"event", "direct"}} {
		for _, read := range []struct{ what, path string }{
			{"GET /events", "/events"}, {"GET /events/{id}", "/events/" + event}, {"GET /events/{id}/availability", "/events/" + event + "/availability"},
		} {
			first, err := p.send(http.MethodGet, entry.to, read.path, nil, nil)
			if err != nil {
				return nil, err
			}
			r, err := short.repeat(p, read.what+", "+entry.by, len(visitors), 0, func(i, _ int) (*answer, error) {
				return p.send(http.MethodGet, entry.to, read.path, visitors[i].stranger(), nil)
			}, "200")
			if err != nil {
				return nil, err
			}
			all = append(all, r)
			tag := first.header.Get("ETag")
			if tag == "" {
				continue
			}
			r, err = short.repeat(p, fmt.Sprintf("%s, %s, not modified", read.what, entry.by), len(visitors), 0, func(i, _ int) (*answer, error) {
				return p.send(http.MethodGet, entry.to, read.path, visitors[i].stranger(), nil, "If-None-Match", tag)
			}, "304")
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// stranger is somebody at the same address who has not logged in.
func (a *account) stranger() *account { return &account{address: a.address} }
