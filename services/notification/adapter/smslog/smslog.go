// Package smslog is an SMSProvider for machines without one: it logs that an
// SMS would have been sent.
package smslog

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// Log is a notification.SMSProvider.
type Log struct{ log *slog.Logger }

var _ notification.SMSProvider = (*Log)(nil)

// New returns a provider that writes to log.
func New(log *slog.Logger) *Log { return &Log{log: log} }

// Send implements notification.SMSProvider. Neither number nor text is logged.
func (l *Log) Send(ctx context.Context, t notification.Text) error {
	if ctx.Err() != nil {
		return &notification.SendError{Reason: "there was no time left to send the SMS"}
	}
	l.log.InfoContext(ctx, "SMS handed over to the log", "notification_id", t.ID, "characters", len([]rune(t.Body)))
	return nil
}
