package postgres_test

import (
	"os"
	"strings"
	"testing"

	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
)

// The migrations have the shared tables as the shared adapters know them.
func TestMigrationsHaveTheSharedTables(t *testing.T) {
	t.Parallel()
	migration, err := os.ReadFile("migrations/00006_account_mails.sql")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(migration), outbox.Schema) {
		t.Errorf("the migration has not the outbox to the letter:\n%s", outbox.Schema)
	}
}
