package sqlitedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"modernc.org/sqlite"
)

// lockedAtFirst is a connector to a file in which others do not let the table of versions
// be created, so many times.
type lockedAtFirst struct {
	driver.Connector
	times int
}

func (l *lockedAtFirst) Connect(ctx context.Context) (driver.Conn, error) {
	raw, err := l.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return lockedConn{raw.(fullConn), l}, nil
}

type lockedConn struct {
	fullConn
	l *lockedAtFirst
}

var errLocked = errors.New("the file is locked")

func (c lockedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.l.times > 0 && strings.HasPrefix(query, "CREATE TABLE goose_db_version") {
		c.l.times--
		return nil, errLocked
	}
	return c.fullConn.PrepareContext(ctx, query)
}

// gooseTries is how often goose tries to create its table of versions, with pauses of a
// second. After that a provider never does.
const gooseTries = 4

func TestAMigrationThatFailsAtFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		times     int
		statement string
		fails     []string
	}{
		"is made after all":           {gooseTries, "CREATE TABLE counter (n INTEGER NOT NULL) STRICT", nil},
		"and again":                   {2 * gooseTries, "CREATE TABLE counter (n INTEGER NOT NULL) STRICT", []string{errLocked.Error()}},
		"and again for other reasons": {gooseTries, "CREATE TABLE", []string{errLocked.Error(), "syntax error"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.db")
			synctest.Test(t, func(t *testing.T) {
				raw, err := sqlite.NewConnector("file:" + path)
				if err != nil {
					t.Fatal(err)
				}
				db := sql.OpenDB(connector{&lockedAtFirst{raw, c.times}, true, &damage{found: make(chan struct{})}})
				err = migrate(t.Context(), db, fstest.MapFS{"00001_counter.sql": {Data: []byte("-- +goose Up\n" + c.statement + ";\n")}})
				if (err != nil) != (len(c.fails) > 0) {
					t.Fatalf("error %v", err)
				}
				for _, want := range c.fails {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %v, want %q in it", err, want)
					}
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
