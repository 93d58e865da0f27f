package mongodbtest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Recorder remembers the commands that an adapter makes, to have them
// explained.
type Recorder struct {
	mu   sync.Mutex
	seen []bson.D
}

// Monitor is for mongodb.Options.
func (r *Recorder) Monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if !slices.Contains([]string{"find", "update", "delete", "findAndModify"}, e.CommandName) {
			return
		}
		var command bson.D
		if err := bson.Unmarshal(e.Command, &command); err != nil {
			return // then nothing is recorded, which ByIndex reports
		}
		command = slices.DeleteFunc(command, func(f bson.E) bool { // what a command has, and an explained one has not
			return strings.HasPrefix(f.Key, "$") ||
				slices.Contains([]string{"lsid", "txnNumber", "readConcern", "writeConcern", "maxTimeMS"}, f.Key)
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, command)
	}}
}

// ByIndex fails t unless every command that ask makes in db finds its documents
// by an index. Only MongoDB's own plans say so.
func (r *Recorder) ByIndex(t *testing.T, db *mongo.Database, what string, ask func() error) {
	t.Helper()
	r.mu.Lock()
	r.seen = nil
	r.mu.Unlock()
	if err := ask(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	r.mu.Lock()
	seen := slices.Clone(r.seen)
	r.mu.Unlock()
	if len(seen) == 0 {
		t.Fatalf("%s: nothing was asked", what)
	}
	for _, command := range seen {
		if plan := Explain(t, db, command); ReadsAll(plan) {
			t.Errorf("%s reads a whole collection: %v is planned as\n%s", what, command, plan)
		}
	}
}

// Explain is the plan that wins for a command.
func Explain(t *testing.T, db *mongo.Database, command bson.D) string {
	t.Helper()
	var answer struct {
		QueryPlanner struct {
			WinningPlan bson.Raw `bson:"winningPlan"`
		} `bson:"queryPlanner"`
	}
	explain(t, db, command, "queryPlanner", &answer)
	if len(answer.QueryPlanner.WinningPlan) == 0 {
		t.Fatalf("%v has no plan", command)
	}
	return answer.QueryPlanner.WinningPlan.String()
}

// Examined is how many keys and documents a command reads.
func Examined(t *testing.T, db *mongo.Database, command bson.D) (keys, docs int) {
	t.Helper()
	var answer struct {
		ExecutionStats *struct {
			Keys int `bson:"totalKeysExamined"`
			Docs int `bson:"totalDocsExamined"`
		} `bson:"executionStats"`
	}
	explain(t, db, command, "executionStats", &answer)
	if answer.ExecutionStats == nil {
		t.Fatalf("%v has no statistics", command)
	}
	return answer.ExecutionStats.Keys, answer.ExecutionStats.Docs
}

func explain(t *testing.T, db *mongo.Database, command bson.D, verbosity string, answer any) {
	t.Helper()
	if err := db.RunCommand(t.Context(), bson.D{
		{Key: "explain", Value: command}, {Key: "verbosity", Value: verbosity},
	}).Decode(answer); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
}

// ReadsAll says whether a plan reads a whole collection.
func ReadsAll(plan string) bool { return strings.Contains(plan, `"COLLSCAN"`) }
