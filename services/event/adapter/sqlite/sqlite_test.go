package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	inbox "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

func openDB(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func open(t *testing.T) eventtest.Adapter {
	db := openDB(t)
	s := sqlite.New(db)
	return eventtest.Adapter{Store: s, Inventory: s, Holdings: s, Known: inbox.New(db).Known, Outbox: outbox.New(db)}
}

func TestStoreContract(t *testing.T) {
	t.Parallel()
	eventtest.TestStore(t, open)
}
func TestInventoryContract(t *testing.T) {
	t.Parallel()
	eventtest.TestInventory(t, open)
}
func TestHoldingsContract(t *testing.T) {
	t.Parallel()
	eventtest.TestHoldings(t, open)
}
