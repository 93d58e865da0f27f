//go:build integration

package compose_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/testcontainers/testcontainers-go"

	booking "github.com/openboxoffice/boxoffice/services/booking/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	user "github.com/openboxoffice/boxoffice/services/user/app/stores"
)

// Passwords with everything that a shell, SQL, JavaScript or a URL could take
// for something else.
const (
	oddOne = `it's "odd" $1 ${x} $(id) \' :'user_password' %41@/?#&é`
	oddTwo = "`id`; drop -- " + `"'\\ '':x$$ü`
)

func TestPostgresGivesEachUserItsOwnDatabaseAlone(t *testing.T) {
	t.Parallel()
	image := os.Getenv("TEST_POSTGRES_IMAGE")
	if image == "" {
		if os.Getenv("TEST_POSTGRES_DSN") != "" {
			t.Skip("n/a (stand-in): TEST_POSTGRES_DSN names a running server, whose users are not ours to make")
		}
		image = "postgres:17-alpine"
	}
	p, err := load(t.Context(), merged(exampleEnv(t), map[string]string{
		"USER_POSTGRES_PASSWORD": oddOne, "BOOKING_POSTGRES_PASSWORD": oddTwo,
	}))
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services["postgres"]
	server := start(t, s, p.Configs, testcontainers.WithImage(image))
	if _, standIn := server.run(t, "sh", "-c", `printf %s "${STAND_IN-}"`); standIn == "" {
		t.Logf("%s ran the configs by itself", image)
	} else {
		// The official image runs what lies there before it listens; this one
		// is told to, in the same words.
		t.Logf("%s ran the configs because it was told to", standIn)
		psql := []string{"env", "PGHOST=/tmp", "psql", "-v", "ON_ERROR_STOP=1", "--username", "postgres", "--no-password", "--no-psqlrc", "--dbname", "postgres"}
		server.eventually(t, append(psql, "-c", "select 1")...)
		if code, _ := server.run(t, server.health...); code == 0 {
			t.Error("the health check succeeds where there is no database yet")
		}
		for _, c := range s.Configs {
			if code, out := server.run(t, append(psql, "-f", c.Target)...); code != 0 {
				t.Fatalf("%s: %d %s", c.Target, code, out)
			}
		}
	}
	server.healthy(t)
	// The server may answer the container sooner than this machine.
	addr := server.addr(t, "5432")
	dsn := func(user, password, database string) string {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: addr, Path: "/" + database, RawQuery: "sslmode=disable"}
		return u.String()
	}

	users := map[string]struct {
		password, other string
		migrate         func(ctx context.Context, url string) error
	}{
		"user_service": {oddOne, "booking_service", func(ctx context.Context, url string) error {
			c, err := configured[user.Config](t, "user", "USER_POSTGRES_URL", url)
			if err != nil {
				return err
			}
			return storage.Migrate(ctx, c.Open)
		}},
		"booking_service": {oddTwo, "user_service", func(ctx context.Context, url string) error {
			c, err := configured[booking.Config](t, "booking", "BOOKING_POSTGRES_URL", url)
			if err != nil {
				return err
			}
			return storage.Migrate(ctx, c.Open)
		}},
	}
	for name, u := range users {
		t.Run(name, func(t *testing.T) {
			own := dsn(name, u.password, name)
			if err := u.migrate(t.Context(), own); err != nil {
				t.Fatalf("migrating: %v", err)
			}
			conn, err := pgx.Connect(t.Context(), own)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.Background()) }()
			var tables, stored int
			if err := conn.QueryRow(t.Context(), `select count(*) from pg_tables where tableowner = current_user`).Scan(&tables); err != nil || tables == 0 {
				t.Errorf("%d tables after migrating, %v", tables, err)
			}
			for _, sql := range []string{
				`create table mine (n int)`, `insert into mine values (1)`, `update mine set n = 2`, `listen mine`, `notify mine`,
			} {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Errorf("%s: %v", sql, err)
				}
			}
			if err := conn.QueryRow(t.Context(), `select n from mine`).Scan(&stored); err != nil || stored != 2 {
				t.Errorf("stored 2, found %d, %v", stored, err)
			}
			for _, sql := range []string{`create database more`, `create role more`, `alter role postgres password 'x'`, `select * from pg_authid`} {
				refused(t, sql, "42501", second(conn.Exec(t.Context(), sql)))
			}

			for _, database := range []string{u.other, "postgres", "template1"} {
				refused(t, "connecting to "+database, "42501", connect(t.Context(), dsn(name, u.password, database)))
			}
			refused(t, "connecting with another password", "28P01", connect(t.Context(), dsn(name, "wrong", name)))
			refused(t, "connecting as the superuser", "28P01", connect(t.Context(), dsn("postgres", u.password, name)))
		})
	}
	if err := connect(t.Context(), dsn("postgres", exampleEnv(t)["POSTGRES_PASSWORD"], "postgres")); err != nil {
		t.Errorf("the superuser cannot connect: %v", err)
	}
}

// configured is the configuration of a service in the file, with one variable
// changed.
func configured[C any](t *testing.T, service, variable, value string) (C, error) {
	t.Helper()
	env := map[string]string{}
	for name, v := range project(t).Services[service].Environment {
		if v != nil {
			env[name] = *v
		}
	}
	env[variable] = value
	return config.Parse[C](env)
}

func connect(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func second[A any](_ A, err error) error { return err }

// refused checks that err is the server's refusal with this SQLSTATE.
func refused(t *testing.T, what, code string, err error) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != code {
		t.Errorf("%s: %v, want SQLSTATE %s", what, err, code)
	}
}
