package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

// Kind is a kind of database that a service can work on.
type Kind[D any] struct {
	Name string // "postgres", as STORE has it
	// Variable is the environment variable that says where it is, and Where its
	// value.
	Variable, Where string
	Open            func(ctx context.Context, where string) (D, error)
}

// Choose opens the database of the kind called name, which is the value of STORE.
// Where others can reach the service, it is public, and refuses a password of
// .env.example. Errors name the variable to change, but never show the value of Where.
func Choose[D any](ctx context.Context, name string, public bool, kinds ...Kind[D]) (D, error) {
	var none D
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		names = append(names, k.Name)
		if k.Name != name {
			continue
		}
		if k.Where == "" {
			return none, fmt.Errorf("%s is not set, and STORE is %s", k.Variable, k.Name)
		}
		if public {
			if err := config.RefuseExample("the password in "+k.Variable, password(k.Where)); err != nil {
				return none, err
			}
		}
		d, err := k.Open(ctx, k.Where)
		if err != nil {
			return none, fmt.Errorf("%s: %w", k.Variable, err)
		}
		return d, nil
	}
	return none, fmt.Errorf("STORE is %q, not %s", name, strings.Join(names, " or "))
}

// At returns a function that calls open with path. Its errors name the path.
func At[D any](path string, open func(ctx context.Context, path string) (D, error)) func(context.Context) (D, error) {
	return func(ctx context.Context) (D, error) {
		d, err := open(ctx, path)
		if err != nil {
			return d, fmt.Errorf("%s: %w", path, err)
		}
		return d, nil
	}
}

// password is the one in a database's URL, or "". A URL of several hosts is none of
// package url's.
func password(where string) string {
	_, authority, _ := strings.Cut(where, "://")
	_, password, _ := strings.Cut(authority, ":")
	password, _, ok := strings.Cut(password, "@")
	if !ok {
		return ""
	}
	return password
}
