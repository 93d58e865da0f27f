//go:build integration

package postgresdb_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// What the code relies on holds whatever the server's, or the role's, defaults.
func TestSettings(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	other := open(t, postgresdb.Options{URL: url})
	if err := other.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		for _, setting := range []string{"synchronous_commit = off", "default_transaction_isolation = serializable", "timezone = 'Asia/Tokyo'"} {
			if _, err := tx.Exec(ctx, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET `+strings.ReplaceAll(setting, "'", "''")+`', current_database()); END $$`); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	db := open(t, postgresdb.Options{URL: url, Name: "booking", Timeout: 1500 * time.Millisecond})
	if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		for name, want := range map[string]string{
			"synchronous_commit": "on", "transaction_isolation": "read committed", "default_transaction_isolation": "read committed",
			"application_name": "booking", "fsync": "on",
			"statement_timeout": "1500ms", "lock_timeout": "1500ms", "idle_in_transaction_session_timeout": "3s",
		} {
			var got string
			if err := tx.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q (%v), want %q", name, got, err, want)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestWriteRollsBackOnError(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	boom, calls := errors.New("boom"), 0
	err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		calls++
		return errors.Join(add(ctx, tx, 1, 7), boom)
	})
	if !errors.Is(err, boom) || errors.Is(err, storage.ErrUnavailable) || calls != 1 {
		t.Errorf("error %v after %d calls, want boom after one", err, calls)
	}
	if n := count(t, db, 1); n != 0 {
		t.Errorf("n = %d after a rollback, want 0", n)
	}
}

func TestWriteRollsBackWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		defer cancel()
		return add(ctx, tx, 1, 7)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if n := count(t, db, 1); n != 0 {
		t.Errorf("n = %d after a rollback, want 0", n)
	}
}

// Were the commit given up half way, nobody would know what became of it.
func TestTheContextDoesNotInterruptTheCommit(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	db, other := open(t, postgresdb.Options{URL: url, Timeout: long}), open(t, postgresdb.Options{URL: url, Timeout: long})
	release := holdCommits(t, other)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	err := db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		pid := tx.Conn().PgConn().PID()
		wg.Go(func() {
			committing(t, other, pid)
			cancel()
			<-time.After(100 * time.Millisecond) // what heeds the end has time to
			release()
		})
		return add(ctx, tx, 1, -7)
	})
	wg.Wait()
	if err != nil || ctx.Err() == nil {
		t.Errorf("error %v, want none; the context's is %v", err, ctx.Err())
	}
	if n := count(t, db, 1); n != -7 {
		t.Errorf("n = %d, want -7", n)
	}
}

func TestConcurrentReadModifyWriteLosesNothing(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	var wg sync.WaitGroup
	const workers, each = 32, 10
	for range workers {
		wg.Go(func() {
			for range each {
				if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return add(ctx, tx, 1, 1) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db, 1); n != workers*each {
		t.Errorf("n = %d after %d increments", n, workers*each)
	}
}

func TestDeadlocksAreTriedAgain(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{Timeout: long})
	var both, wg sync.WaitGroup
	both.Add(2)
	var calls [2]int
	for i, order := range [][2]int{{1, 2}, {2, 1}} {
		wg.Go(func() {
			if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				if err := add(ctx, tx, order[0], 1); err != nil {
					return err
				}
				if calls[i]++; calls[i] == 1 { // each holds what the other wants
					both.Done()
					both.Wait()
				}
				return add(ctx, tx, order[1], 1)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls[0]+calls[1] < 3 {
		t.Errorf("there was no deadlock: %v calls", calls)
	}
	if a, b := count(t, db, 1), count(t, db, 2); a != 2 || b != 2 {
		t.Errorf("the counters are %d and %d, want 2 and 2", a, b)
	}
}

func TestSerializationFailuresAreTriedAgainForAWhile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		until int // the first try that goes well
		want  error
		n     int
	}{{"for a while", 4, nil, 1}, {"not for ever", 1 << 40, storage.ErrUnavailable, 0}} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t, postgresdb.Options{})
			err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				if err := add(ctx, tx, 1, 1); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `SELECT fail('40001', $1)`, c.until)
				return err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if n := count(t, db, 1); n != c.n {
				t.Errorf("n = %d, want %d", n, c.n)
			}
		})
	}
}

func TestALostConnectionIsReplacedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	db, other := open(t, postgresdb.Options{URL: url}), open(t, postgresdb.Options{URL: url})
	calls := 0
	err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if calls++; calls < 3 {
			if err := add(ctx, tx, 1, 100); err != nil {
				return err
			}
			terminate(t, other, tx.Conn().PgConn().PID())
		}
		return add(ctx, tx, 1, 1)
	})
	if err != nil || calls != 3 {
		t.Errorf("error %v after %d calls, want none after 3", err, calls)
	}
	if n := count(t, db, 1); n != 1 {
		t.Errorf("n = %d, want 1", n)
	}
}

// A commit that was not answered may have taken effect: to repeat it may do it
// twice.
func TestALostCommitIsNotRepeated(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	db, other := open(t, postgresdb.Options{URL: url, Timeout: long}), open(t, postgresdb.Options{URL: url, Timeout: long})
	release := holdCommits(t, other)
	calls := 0
	var wg sync.WaitGroup
	err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		calls++
		pid := tx.Conn().PgConn().PID()
		wg.Go(func() {
			committing(t, other, pid)
			terminate(t, other, pid)
			release()
		})
		return add(ctx, tx, 1, -1)
	})
	wg.Wait()
	if !errors.Is(err, storage.ErrUnavailable) || calls != 1 {
		t.Errorf("error %v after %d calls, want ErrUnavailable after one", err, calls)
	}
}

// holdCommits holds up the commits of those who made the counter negative until
// release is called.
func holdCommits(t *testing.T, db *postgresdb.DB) (release func()) {
	t.Helper()
	held, free, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(1)`)
			close(held)
			<-free
			return err
		}); err != nil {
			t.Error(err)
		}
	}()
	<-held
	release = sync.OnceFunc(func() {
		close(free)
		<-ended
	})
	t.Cleanup(release)
	return release
}

// committing returns when this server process is in a commit.
func committing(t *testing.T, db *postgresdb.DB, pid uint32) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(long); time.Now().Before(deadline); <-tick.C {
		var yes bool
		if err := db.Read(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT EXISTS (
				SELECT FROM pg_stat_activity WHERE pid = $1 AND query ILIKE 'commit%' AND state = 'active')`, int32(pid)).Scan(&yes)
		}); err != nil {
			t.Error(err)
			return
		}
		if yes {
			return
		}
	}
	t.Error("there was no commit")
}

func TestTimesKeepMicrosecondsAndComeBackInUTC(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	for _, at := range []time.Time{
		time.Date(2026, 3, 29, 2, 30, 0, 123456000, time.FixedZone("", 7200)),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		{},
	} {
		var got, null time.Time
		err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, `UPDATE counter SET at = $1 WHERE id = 1 RETURNING coalesce(at, '0001-01-01 00:00:00Z'), at`, postgresdb.NullTime(at)).
				Scan(&got, (*postgresdb.NullTime)(&null))
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []time.Time{got, null} {
			if !got.Equal(at) || got.Location() != time.UTC {
				t.Errorf("%v came back as %v", at, got)
			}
		}
	}
}
