package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
)

// pgbenchName is of the least that storing a booking could cost: two transactions
// that pgbench sends, with nothing in them but the rows of the booking, its key and
// its message. Nobody counts tickets, and there is no lock and no audit log.
const pgbenchName = "pgbench: a booking in two transactions"

const pgbenchClients = 32

// pgbench measures it in the database at url, which has booking's tables.
func (b *bench) pgbench(url string, store *postgres.Store) (*Result, error) {
	r := &Result{What: pgbenchName, Way: limits, Clients: pgbenchClients}
	program, err := findPgbench()
	if err != nil {
		r.note("not measured: %v", err)
		return r, nil
	}
	script, err := pgbenchScript(b.ctx, url, store)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.work, "pgbench.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return nil, err
	}
	seconds := max(1, int(b.time.Seconds()))
	out, err := exec.CommandContext(b.ctx, program, "--no-vacuum", "--protocol=prepared", "--client="+strconv.Itoa(pgbenchClients), "--jobs=2", //nolint:gosec // what findPgbench found
		"--time="+strconv.Itoa(seconds), "--define=n=0", "--file="+file, url).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	count, rate := pgbenchCount.FindSubmatch(out), pgbenchRate.FindSubmatch(out)
	if count == nil || rate == nil {
		return nil, fmt.Errorf("pgbench says neither how many transactions there were nor how many a second:\n%s", out)
	}
	r.Seconds = float64(seconds)
	r.Count, err = strconv.Atoi(string(count[1]))
	if err != nil {
		return nil, err
	}
	r.Rate, err = strconv.ParseFloat(string(rate[1]), 64)
	return r, err
}

var (
	pgbenchCount = regexp.MustCompile(`number of transactions actually processed: (\d+)`)
	pgbenchRate  = regexp.MustCompile(`tps = ([\d.]+) \(without`)
)

// findPgbench looks for it in the path, and where Debian has it.
func findPgbench() (string, error) {
	program, err := exec.LookPath("pgbench")
	if err == nil {
		return program, nil
	}
	if all, globErr := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench"); globErr == nil && len(all) > 0 {
		return all[len(all)-1], nil
	}
	return "", err
}

// pgbenchScript stores the rows that store writes for a booking, under ids that grow.
func pgbenchScript(ctx context.Context, url string, store *postgres.Store) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // it only read
	b, k := pendingBooking()
	if err := store.Create(ctx, b, k, nil); err != nil {
		return "", err
	}
	pending, err := literals(ctx, conn, "bookings AS r WHERE id = $1", b.ID)
	if err != nil {
		return "", err
	}
	key, err := literals(ctx, conn, "idempotency_keys AS r WHERE booking_id = $1", b.ID)
	if err != nil {
		return "", err
	}
	after, err := confirmedBooking(&b)
	if err != nil {
		return "", err
	}
	if _, err := store.Save(ctx, b, after); err != nil {
		return "", err
	}
	confirmed, err := literals(ctx, conn, "bookings AS r WHERE id = $1", b.ID)
	if err != nil {
		return "", err
	}
	message, err := literals(ctx, conn, "outbox AS r WHERE id = $1", after.Effects.Messages[0].ID)
	if err != nil {
		return "", err
	}
	const id = `(lpad(:n::text, 12, '0') || '-' || lpad(:client_id::text, 23, '0'))`
	pending["id"], pending["user_id"], key["key"], key["booking_id"], message["id"] = id, id, id, id, id
	var changes []string
	for _, column := range slices.Sorted(maps.Keys(confirmed)) {
		if column != "id" && column != "user_id" && confirmed[column] != pending[column] {
			changes = append(changes, column+" = "+confirmed[column])
		}
	}
	return strings.Join([]string{
		`\set n :n + 1`, `BEGIN;`, insertOf("bookings", pending), insertOf("idempotency_keys", key), `COMMIT;`,
		`BEGIN;`, `UPDATE bookings SET ` + strings.Join(changes, ", ") + ` WHERE id = ` + id + `;`, insertOf("outbox", message), `COMMIT;`, "",
	}, "\n"), nil
}

// literals is the one row of from, named r: the literal of each column.
func literals(ctx context.Context, conn *pgx.Conn, from, id string) (map[string]string, error) {
	rows, err := conn.Query(ctx, `SELECT c.key, c.value FROM (SELECT to_json(r) AS row FROM `+from+`) AS one, json_each_text(one.row) AS c`, id)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	var column string
	var value *string
	_, err = pgx.ForEachRow(rows, []any{&column, &value}, func() error {
		all[column] = "NULL"
		if value != nil {
			// pgbench takes a colon before a letter or a digit for a variable, in strings, too.
			all[column] = `E'` + strings.NewReplacer(`\`, `\\`, `'`, `''`, `:`, `\x3a`, "\n", `\n`).Replace(*value) + `'`
		}
		return nil
	})
	return all, err
}

func insertOf(table string, row map[string]string) string {
	columns := slices.Sorted(maps.Keys(row))
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = row[c]
	}
	return `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + strings.Join(values, ", ") + `);`
}
