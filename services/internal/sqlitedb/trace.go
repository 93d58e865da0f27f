package sqlitedb

import (
	"context"
	"database/sql/driver"
)

type traceKey struct{}

// Trace returns a context with which seen is called of every statement.
func Trace(ctx context.Context, seen func(query string, args []driver.NamedValue)) context.Context {
	return context.WithValue(ctx, traceKey{}, seen)
}

func trace(ctx context.Context, query string, args []driver.NamedValue) {
	if seen, ok := ctx.Value(traceKey{}).(func(string, []driver.NamedValue)); ok {
		seen(query, args)
	}
}
