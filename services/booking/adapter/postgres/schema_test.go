package postgres_test

import (
	"os"
	"strings"
	"testing"

	inbox "github.com/openboxoffice/boxoffice/services/internal/inbox/postgres"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
)

// The migrations have the shared tables as the shared adapters know them.
func TestMigrationsHaveTheSharedTables(t *testing.T) {
	t.Parallel()
	for file, schema := range map[string]string{"00001_init.sql": outbox.Schema, "00003_cancelled_events.sql": inbox.Schema} {
		migration, err := os.ReadFile("migrations/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(migration), schema) {
			t.Errorf("%s has not the shared tables to the letter:\n%s", file, schema)
		}
	}
}
