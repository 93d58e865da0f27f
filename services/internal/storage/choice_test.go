package storage_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestAMistakeAboutTheDatabaseIsSaidByName(t *testing.T) {
	t.Parallel()
	away := errors.Join(storage.ErrUnavailable, errors.New("nobody listens"))
	for want, c := range map[string]struct{ name, url, path string }{
		`STORE is "files", not postgres or sqlite`:         {name: "files"},
		`STORE is "", not postgres or sqlite`:              {},
		"X_POSTGRES_URL is not set, and STORE is postgres": {name: "postgres", path: "x.db"},
		"X_DB is not set, and STORE is sqlite":             {name: "sqlite", url: "postgres://secret"},
		"X_POSTGRES_URL: ":                                 {name: "postgres", url: "postgres://secret"},
	} {
		db, err := storage.Choose(t.Context(), c.name, false,
			storage.Kind[string]{Name: "postgres", Variable: "X_POSTGRES_URL", Where: c.url, Open: func(context.Context, string) (string, error) { return "", away }},
			storage.Kind[string]{Name: "sqlite", Variable: "X_DB", Where: c.path, Open: func(_ context.Context, path string) (string, error) { return path, nil }},
		)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") || db != "" {
			t.Errorf("%+v: %q and error %v, want %s", c, db, err, want)
		}
		// So that a start knows to wait.
		if errors.Is(err, storage.ErrUnavailable) != (c.name == "postgres" && c.url != "") {
			t.Errorf("%+v: whether %v would be tried again is wrong", c, err)
		}
	}
}

func TestTheChosenDatabaseIsOpened(t *testing.T) {
	t.Parallel()
	open := func(_ context.Context, where string) (string, error) { return "opened " + where, nil }
	db, err := storage.Choose(t.Context(), "sqlite", false,
		storage.Kind[string]{Name: "postgres", Variable: "X_POSTGRES_URL", Where: "there", Open: open},
		storage.Kind[string]{Name: "sqlite", Variable: "X_DB", Where: "here", Open: open})
	if db != "opened here" || err != nil {
		t.Errorf("%q and error %v, want the second", db, err)
	}
}

func TestAPasswordOfTheExampleIsForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for url, refused := range map[string]bool{
		"postgres://user_service:insecure-user-postgres@127.0.0.1:5432/user_service": true,
		"mongodb://event:insecure-event-mongo@a:27017,b:27017/event?replicaSet=r":    true,
		"postgres://user_service:mine@127.0.0.1:5432/user_service":                   false,
		"postgres://user_service@127.0.0.1:5432/insecure-name":                       false,
		"mongodb://a:27017,b:27017/event":                                            false,
		"data/insecure-x.db":                                                         false,
	} {
		for _, public := range []bool{false, true} {
			_, err := storage.Choose(t.Context(), "x", public,
				storage.Kind[string]{Name: "x", Variable: "X_URL", Where: url, Open: func(context.Context, string) (string, error) { return "", nil }})
			const want = "the password in X_URL is that of .env.example"
			if wanted := refused && public; wanted != (err != nil) || wanted && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "insecure")) {
				t.Errorf("%s, public %t: error %v, want %t", url, public, err, wanted)
			}
		}
	}
}
