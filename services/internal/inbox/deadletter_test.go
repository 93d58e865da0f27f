package inbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
)

// put is an inbox.Store of which only PutDeadLetter is used.
type put struct {
	inbox.Store
	letters []inbox.DeadLetter
}

func (p *put) PutDeadLetter(_ context.Context, d inbox.DeadLetter) error {
	p.letters = append(p.letters, d)
	return nil
}

func TestDeadLetterFunc(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	store := &put{}
	dead := inbox.DeadLetterFunc(store, "bookings", func() time.Time { return at })
	m := events.Message{ID: "1", Data: []byte(`{}`)}
	if err := dead(t.Context(), m, "why"); err != nil {
		t.Fatal(err)
	}
	want := []inbox.DeadLetter{{ID: "1", Topic: "bookings", Message: m, Reason: "why", FailedAt: at}}
	if diff := cmp.Diff(want, store.letters); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	if err := dead(t.Context(), events.Message{}, "it has no id"); err != nil {
		t.Fatal(err)
	}
	if d := store.letters[1]; d.ID == "" || d.Message.ID != "" {
		t.Errorf("a message without an id: dead letter %q of message %q", d.ID, d.Message.ID)
	}
}
