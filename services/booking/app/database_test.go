package app

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestAMistakeAboutTheDatabaseIsSaidByName(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		`STORE is "files", not postgres or sqlite`: {Store: "files"},
		`STORE is "", not`:                         {},
		"BOOKING_POSTGRES_URL is not set":          {Store: "postgres"},
		"BOOKING_POSTGRES_URL: ":                   {Store: "postgres", PostgresURL: "http://secret:secret@127.0.0.1"},
		"BOOKING_DB is not set":                    {Store: "sqlite"},
		"BOOKING_DB: ":                             {Store: "sqlite", DBPath: filepath.Join("/dev/null", "x.db")},
	} {
		err := Migrate(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: error %v, want %s", cfg, err, want)
		}
		if errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%+v: %v would be tried again", cfg, err)
		}
	}
}

// So that a start knows to wait.
func TestADatabaseThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	cfg := Config{Store: "postgres", PostgresURL: "postgres://127.0.0.1:1/boxoffice", DBTimeout: time.Second}
	if err := Migrate(t.Context(), cfg); !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "BOOKING_POSTGRES_URL: ") {
		t.Errorf("error %v", err)
	}
}
