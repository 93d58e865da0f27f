//go:build integration

package mongo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// TestListReadsFromAnIndex: among 100,000 events, a page is read in the order
// of an index, whatever the filter: no collection is scanned, and nothing that
// an index holds in order is sorted. Only MongoDB's own plans say so.
func TestListReadsFromAnIndex(t *testing.T) {
	if info := mongotest.Serving(t); info.StandIn {
		t.Skipf("n/a (stand-in): the plans of %s are its own", info)
	}
	s := openStore(t)
	const events, at = 100_000, 1000
	for n := 0; n < events; {
		docs := make([]any, at)
		for i := range docs {
			n++
			e := &event.Event{
				ID: fmt.Sprintf("%036d", n), Title: fmt.Sprintf("Event %d", n*7919%events),
				Category: fmt.Sprint("category ", n%20), StartsAt: time.Unix(int64(n*104729%events), 0),
			}
			e.Venue.City = fmt.Sprint("city ", n%100)
			doc := edited(e)
			doc["_id"] = e.ID
			docs[i] = doc
		}
		if _, err := s.events.Driver().InsertMany(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		for _, filter := range []event.Query{
			{}, {Category: "category 1"}, {City: "city 1"}, {Text: "event 77"}, {Category: "category 1", City: "city 1", Text: "event"},
			{From: time.Unix(1000, 0), To: time.Unix(2000, 0)}, {From: time.Unix(1000, 0), Category: "category 1"},
		} {
			for _, after := range []*event.Position{nil, {StartsAt: time.Unix(1500, 0), TitleKey: "event 5", ID: "x"}} {
				q := filter
				q.Sort, q.After, q.Limit = sort, after, 20
				find, order := listQuery(q)
				var answer struct {
					QueryPlanner struct {
						WinningPlan bson.Raw `bson:"winningPlan"`
					} `bson:"queryPlanner"`
				}
				if err := s.events.Driver().Database().RunCommand(t.Context(), bson.D{
					{Key: "explain", Value: bson.D{
						{Key: "find", Value: eventsName}, {Key: "filter", Value: find},
						{Key: "sort", Value: order}, {Key: "limit", Value: q.Limit},
					}},
					{Key: "verbosity", Value: "queryPlanner"},
				}).Decode(&answer); err != nil {
					t.Fatal(err)
				}
				plan := answer.QueryPlanner.WinningPlan.String()
				// A range of starts in the order of titles has two indexes to
				// choose from, and must sort what it finds in the one.
				sorts := sort == event.ByTitle && !q.From.IsZero()
				if !strings.Contains(plan, `"IXSCAN"`) || strings.Contains(plan, `"COLLSCAN"`) || (strings.Contains(plan, `"SORT"`) && !sorts) {
					t.Errorf("%+v is planned as\n%s", q, plan)
				}
			}
		}
	}
}
