package sqlite_test

import (
	"os"
	"strings"
	"testing"

	inbox "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
)

// The migrations have the shared tables as the shared adapters know them.
func TestMigrationsHaveTheSharedTables(t *testing.T) {
	t.Parallel()
	for file, schema := range map[string]string{
		"migrations/00001_init.sql": inbox.Schema, "migrations/00002_cancellation.sql": outbox.Schema,
	} {
		migration, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(migration), schema) {
			t.Errorf("%s has not these tables to the letter:\n%s", file, schema)
		}
	}
}
