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
		`STORE is "files", not mongo or sqlite`: {Store: "files"},
		`STORE is "", not`:                      {},
		"NOTIFICATION_MONGO_URL is not set":     {Store: "mongo"},
		"NOTIFICATION_MONGO_URL: ":              {Store: "mongo", MongoURL: "http://secret:secret@127.0.0.1"},
		"NOTIFICATION_DB is not set":            {Store: "sqlite"},
		"NOTIFICATION_DB: ":                     {Store: "sqlite", DBPath: filepath.Join("/dev/null", "x.db")},
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
	cfg := Config{Store: "mongo", MongoURL: "mongodb://127.0.0.1:1/boxoffice", DBTimeout: time.Second}
	if err := Migrate(t.Context(), cfg); !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "NOTIFICATION_MONGO_URL: ") {
		t.Errorf("error %v", err)
	}
}
