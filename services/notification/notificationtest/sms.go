package notificationtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// NewSMS returns an SMSProvider and what tells the keys of the texts that have
// been taken through it, in their order.
type NewSMS func(t *testing.T) (p notification.SMSProvider, taken func() []string)

// TestSMS holds a notification.SMSProvider to its promises.
func TestSMS(t *testing.T, newSMS NewSMS) {
	text := func() notification.Text {
		return notification.Text{ID: newID(), To: "+4930123456", Body: "Füße & 音楽 🎻"}
	}
	t.Run("a_text_is_taken_under_its_key", func(t *testing.T) {
		t.Parallel()
		p, taken := newSMS(t)
		one := text()
		for range 2 {
			if err := p.Send(t.Context(), one); err != nil {
				t.Fatalf("Send: %v", err)
			}
		}
		got := taken()
		if len(got) == 0 {
			t.Fatal("none was taken")
		}
		for _, key := range got {
			if key != one.ID {
				t.Errorf("its key is %q, want %q", key, one.ID)
			}
		}
	})
	t.Run("a_context_that_has_ended_sends_nothing", func(t *testing.T) {
		t.Parallel()
		p, taken := newSMS(t)
		one := text()
		err := p.Send(cancelled(t), one)
		var failure *notification.SendError
		if !errors.As(err, &failure) || failure.Permanent {
			t.Errorf("the error is %#v, want a temporary SendError", err)
		}
		if err != nil && strings.Contains(err.Error(), one.To) {
			t.Errorf("%q names the recipient", err)
		}
		if n := len(taken()); n != 0 {
			t.Errorf("%d were taken", n)
		}
	})
	t.Run("many_at_a_time_are_all_taken", func(t *testing.T) {
		t.Parallel()
		p, taken := newSMS(t)
		race(t, func(int) (bool, error) { return true, p.Send(t.Context(), text()) })
		if n := len(taken()); n != racers {
			t.Errorf("%d were taken, want %d", n, racers)
		}
	})
}
