package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

// TestEverythingGoesByIndexes: among 100,000 notifications, one costs what it
// costs among few.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notification.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	plantest.Fill(t, path,
		`INSERT INTO records SELECT 'm' || n, 'b' || n, 'confirmation', 1, 'b' || n || '/confirmation', '', n FROM `+plantest.N, `
		INSERT INTO deliveries SELECT 'd' || n, 'm' || n, 'b' || n, 'user' || (n % 1000), 'email', '', '', '', '', '',
			iif(n % 100 = 0, 'PENDING', 'SENT'), 0, '', n, NULL, n, n, n % 200 = 0, '', 0 FROM `+plantest.N, `
		INSERT INTO quota_uses SELECT 'to/' || n, n, 'm' || n FROM `+plantest.N)
	s, now := sqlite.New(db), time.Now()
	after := &notification.Position{CreatedAt: time.UnixMicro(5000), ID: "x"}
	list := func(f notification.Filter) func(ctx context.Context) error {
		f.Limit = 20
		return func(ctx context.Context) error { _, err := s.List(ctx, f); return err }
	}
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Enqueue", "records_booking", func(ctx context.Context) error {
			_, err := s.Enqueue(ctx, notification.Record{MessageID: "new", BookingID: "b1", Kind: notification.Cancellation, Version: 2, At: now})
			return err
		}},
		{"Enqueue with a quota", "quota_uses_key", func(ctx context.Context) error {
			_, err := s.Enqueue(ctx, notification.Record{MessageID: "limited", BookingID: "untold", Kind: notification.Confirmation, Version: 2, At: now,
				Quotas:     []notification.Quota{{Key: "to/1", Most: 10}},
				Deliveries: []notification.Notification{{ID: "limited", Channel: notification.Email, Status: notification.Pending}}})
			return err
		}},
		{"BringForward", "deliveries_waiting", func(ctx context.Context) error { return s.BringForward(ctx, now, now.Add(time.Hour)) }},
		{"BringForward of what is settled", "deliveries_orphaned", func(ctx context.Context) error {
			return s.BringForward(ctx, now, now.Add(time.Hour))
		}},
		{"PruneQuotas", "quota_uses_at", func(ctx context.Context) error { return s.PruneQuotas(ctx, time.UnixMicro(500)) }},
		{"Claim", "deliveries_waiting", func(ctx context.Context) error { _, err := s.Claim(ctx, notification.Email, now, now, 10); return err }},
		{"Settle", "sqlite_autoindex_deliveries_1", func(ctx context.Context) error {
			err := s.Settle(ctx, notification.Notification{ID: "d100", Lease: "x", Status: notification.Sent})
			if errors.Is(err, notification.ErrLeaseLost) {
				return nil
			}
			return err
		}},
		{"List", "deliveries_newest", list(notification.Filter{})},
		{"List of a user", "deliveries_user", list(notification.Filter{UserID: "user1"})},
		{"List of a status", "deliveries_status", list(notification.Filter{Status: notification.Failed})},
		{"List of a status of a user", "deliveries_user_status", list(notification.Filter{UserID: "user1", Status: notification.Failed})},
		{"a later page of a status of a user", "deliveries_user_status", list(notification.Filter{UserID: "user1", Status: notification.Failed, After: after})},
		{"List of a booking", "deliveries_booking", list(notification.Filter{BookingID: "b1"})},
		{"List of a booking of a user", "deliveries_booking", list(notification.Filter{BookingID: "b1", UserID: "user1"})},
		{"List of a status of a booking of a user", "deliveries_booking", list(notification.Filter{BookingID: "b1", UserID: "user1", Status: notification.Failed})},
		{"a later page of a booking of a user", "deliveries_booking", list(notification.Filter{BookingID: "b1", UserID: "user1", After: after})},
		{"a later page of a status", "deliveries_status", list(notification.Filter{Status: notification.Failed, After: after})},
		{"a later page", "deliveries_newest", list(notification.Filter{After: after})},
		{"a later page of a user", "deliveries_user", list(notification.Filter{UserID: "user1", After: after})},
		{"Forget", "records_event", func(ctx context.Context) error { _, err := s.Forget(ctx, time.UnixMicro(500), 10); return err }},
		{"EndLeases", "deliveries_waiting", func(ctx context.Context) error { return s.EndLeases(ctx, now) }},
	} {
		plantest.ByIndex(t, path, c.what, c.index, c.ask)
	}
}
