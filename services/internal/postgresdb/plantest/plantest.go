// Package plantest shows tests how PostgreSQL does what an adapter asks of it:
// whether by an index, or by reading the whole table.
package plantest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Recorder is a pgx.QueryTracer (postgresdb.Options.Tracer) that remembers the
// statements it sees, those of batches too.
type Recorder struct {
	mu   sync.Mutex
	seen []statement
}

type statement struct {
	sql  string
	args int
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *Recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, statement{q.SQL, len(q.Args)})
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *Recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (r *Recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *Recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, statement{q.SQL, len(q.Args)})
}

// TraceBatchEnd implements pgx.BatchTracer.
func (r *Recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// Plan returns the plan of the first statement that ask makes, BEGIN, COMMIT, ROLLBACK and
// locks aside, on the database at url. It is the plan for whatever arguments: the one
// that a statement has after its first executions.
func (r *Recorder) Plan(t *testing.T, url string, ask func() error) string {
	t.Helper()
	return r.plans(t, url, 1, ask)
}

// Plans returns the plans of all statements that ask makes, as Plan that of the
// first.
func (r *Recorder) Plans(t *testing.T, url string, ask func() error) string {
	t.Helper()
	return r.plans(t, url, -1, ask)
}

func (r *Recorder) plans(t *testing.T, url string, most int, ask func() error) string {
	t.Helper()
	r.mu.Lock()
	r.seen = nil
	r.mu.Unlock()
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	seen := slices.DeleteFunc(slices.Clone(r.seen), func(s statement) bool {
		return strings.HasPrefix(s.sql, "begin") || s.sql == "commit" || s.sql == "rollback" || strings.HasPrefix(s.sql, "SELECT pg_advisory_xact_lock")
	})
	r.mu.Unlock()
	if len(seen) == 0 {
		t.Fatal("nothing was asked")
	}
	if most > 0 {
		seen = seen[:most]
	}
	plans, err := explain(t.Context(), url, seen)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plans, "\n")
}

func explain(ctx context.Context, url string, statements []statement) (plans []string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, sql := range []string{"SET plan_cache_mode = force_generic_plan", "ANALYZE"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	done := map[string]bool{}
	for i, s := range statements {
		if done[s.sql] {
			continue
		}
		done[s.sql] = true
		// The simple protocol: PREPARE has no parameters of its own.
		if _, err := conn.Exec(ctx, fmt.Sprintf("PREPARE asked%d AS %s", i, s.sql), pgx.QueryExecModeSimpleProtocol); err != nil {
			return nil, fmt.Errorf("%s: %w", s.sql, err)
		}
		arguments := strings.TrimSuffix(strings.Repeat("NULL, ", s.args), ", ")
		if s.args > 0 {
			arguments = "(" + arguments + ")"
		}
		rows, err := conn.Query(ctx, fmt.Sprintf("EXPLAIN EXECUTE asked%d %s", i, arguments))
		if err != nil {
			return nil, err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.sql, err)
		}
		plans = append(plans, strings.Join(lines, "\n"))
	}
	return plans, nil
}

// AllUsed fails the test if one of these tables has an index that is not among those
// used: each is written to with every row, and has to be worth it.
func AllUsed(t *testing.T, url string, used, tables []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1) AND indexname <> ALL($2)`,
		tables, used)
	if err != nil {
		t.Fatal(err)
	}
	idle, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(idle) > 0 {
		t.Errorf("no query goes by the indexes %q (%v)", idle, err)
	}
}

// ByIndex fails the test unless the plan reads the index and no whole table.
func ByIndex(t *testing.T, what, plan, index string) {
	t.Helper()
	if !strings.Contains(plan, index) || strings.Contains(plan, "Seq Scan") {
		t.Errorf("%s does not go by the index %s alone:\n%s", what, index, plan)
	}
}
