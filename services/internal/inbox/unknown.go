package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

// IgnoreUnknown returns handle with an answer to broker.ErrUnknownType: the message
// is recorded in s as heard, and has no effect. A publisher may be newer than its
// consumers, and must not fill their dead letters.
func IgnoreUnknown(s Store, log *slog.Logger, now func() time.Time, handle broker.Handler) broker.Handler {
	return func(ctx context.Context, m events.Message) error {
		err := handle(ctx, m)
		switch {
		case !errors.Is(err, broker.ErrUnknownType):
			return err
		case m.ID == "" || m.Type == "" || m.Type == broker.TypeMalformed:
			return fmt.Errorf("%w: it has no id or no type", broker.ErrReject)
		}
		if err := s.Ignore(ctx, m.ID, now()); err != nil {
			return fmt.Errorf("ignore message %s: %w", m.ID, err)
		}
		level := slog.LevelWarn
		if slices.Contains(events.Types, m.Type) { // it is for others, and there may be many
			level = slog.LevelDebug
		}
		log.Log(ctx, level, "message of an unknown type ignored", "message_id", m.ID, "type", m.Type, "source", m.Source)
		return nil
	}
}
