package postgres

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

const (
	// proofEvery is how often a silent connection is asked whether it lives: a
	// network that drops packets does not say so.
	proofEvery   = 15 * time.Second
	proofTimeout = 2 * time.Second
)

// pauses lie between two connections.
var pauses = retry.Pauses{First: 50 * time.Millisecond, Limit: 5 * time.Second}

// Listen calls wake, which is Relay.Wake of this process, when any process of
// the service has committed a message while none was due, until ctx ends; then
// it returns nil. It has a connection of its own, and makes another when that
// is lost; after each it calls wake, for what it may have missed. wake does not
// block.
func Listen(ctx context.Context, db *postgresdb.DB, log *slog.Logger, wake func()) error {
	failures := 0
	for {
		err := listen(ctx, db, func() {
			if failures > 0 {
				log.InfoContext(ctx, "listening for outbox messages again")
			}
			failures = 0
			wake()
		}, wake)
		if failures++; failures == 1 && ctx.Err() == nil {
			log.WarnContext(ctx, "not listening for outbox messages; the relay polls", "error", err)
		}
		if !pauses.Wait(ctx, failures) {
			return nil
		}
	}
}

// listen returns why it does so no longer.
func listen(ctx context.Context, db *postgresdb.DB, begun, wake func()) error {
	conn, err := db.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), proofTimeout)
		defer cancel()
		_ = conn.Close(end) // the server notices by itself
	}()
	if err := bounded(ctx, proofTimeout, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, `LISTEN outbox`)
		return err
	}); err != nil {
		return err
	}
	begun()
	for {
		err := bounded(ctx, proofEvery, func(ctx context.Context) error {
			_, err := conn.WaitForNotification(ctx)
			return err
		})
		switch {
		case err == nil:
			wake()
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return err
		default:
			if err := bounded(ctx, proofTimeout, conn.Ping); err != nil {
				return err
			}
		}
	}
}

func bounded(ctx context.Context, timeout time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return fn(ctx)
}
