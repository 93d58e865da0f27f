package sqlite_test

import (
	"os"
	"strings"
	"testing"

	shared "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
)

// The first migration has the shared tables as the shared adapter knows them.
func TestMigrationHasTheSharedTables(t *testing.T) {
	t.Parallel()
	migration, err := os.ReadFile("migrations/00001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(migration), shared.Schema) {
		t.Errorf("migrations/00001_init.sql has not the inbox's tables to the letter:\n%s", shared.Schema)
	}
}
