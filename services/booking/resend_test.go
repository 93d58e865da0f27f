package booking_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// resent returns how often the mail was asked for again.
func (l linked) resent(t *testing.T) int {
	t.Helper()
	return len(l.messages(t)[l.b.ID][events.TypeBookingResendRequested])
}

func TestTheTicketsAreSentAgainFiveTimesADay(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	link, err := l.s.Buyer(t.Context(), l.b.ID, linkKeys.Buyer(&l.b))
	if err != nil {
		t.Fatal(err)
	}
	resend := func(key string) error { return l.s.Resend(t.Context(), link, l.b.ID, key) }
	for i := range 5 {
		for range 2 { // a repeat asks for no other
			if err := resend(fmt.Sprint("k", i)); err != nil {
				t.Fatal(err)
			}
		}
		l.advance(time.Hour)
	}
	err = resend("k5")
	var paused *booking.PausedError
	if !errors.As(err, &paused) || !errors.Is(err, booking.ErrTooManyResends) || paused.Wait != 19*time.Hour {
		t.Errorf("the sixth: %v", err)
	}
	l.advance(19*time.Hour - time.Microsecond)
	wantErr(t, resend("k5"), booking.ErrTooManyResends)
	l.advance(time.Microsecond)
	wantErr(t, resend("k5"), nil)
	wantErr(t, resend("k6"), booking.ErrTooManyResends)
	if n := l.resent(t); n != 6 {
		t.Errorf("it was asked for %d times, want 6", n)
	}
	b := l.get(t, l.b.ID)
	wantSteps(t, b, "created reserved paid confirmed resend_requested")
	if by := b.Timeline[len(b.Timeline)-1].By; by != "link" || len(b.Resends) != 5 {
		t.Errorf("by %s; %d are remembered", by, len(b.Resends))
	}
	told := l.messages(t)[b.ID][events.TypeBookingResendRequested][5]
	if told.Version != b.Version || told.LinkVersion != b.LinkVersion || len(told.Tickets) != 2 || told.UserEmail != l.owner.Email {
		t.Errorf("the message is %+v", told)
	}
}

func TestResendsAreRefused(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	other := l.book(t, l.s, l.owner, booking.Request{EventID: l.b.EventID, Tickets: 1})
	if _, err := l.s.Cancel(t.Context(), l.owner, other.ID); err != nil {
		t.Fatal(err)
	}
	unpaid, err := l.s.Create(t.Context(), l.owner, booking.Request{EventID: l.b.EventID, Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, l.s.Resend(t.Context(), l.newCustomer(), l.b.ID, "k"), booking.ErrForbidden)
	wantErr(t, l.s.Resend(t.Context(), l.owner, uuid.NewString(), "k"), booking.ErrNotFound)
	wantErr(t, l.s.Resend(t.Context(), l.owner, other.ID, "k"), booking.ErrNoValidTickets)
	wantErr(t, l.s.Resend(t.Context(), l.owner, unpaid.ID, "k"), booking.ErrNoValidTickets)
	wantErr(t, l.s.Resend(t.Context(), l.owner, l.b.ID, "k"), nil)
	wantErr(t, l.s.Resend(t.Context(), l.owner, other.ID, "k"), booking.ErrKeyReused)
	if err := l.s.Resend(t.Context(), l.owner, l.b.ID, ""); err == nil {
		t.Error("without a key it is taken")
	}
	if n := l.resent(t); n != 1 {
		t.Errorf("it was asked for %d times, want once", n)
	}
}

func TestRacingResends(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	var racers sync.WaitGroup
	for i := range 16 {
		racers.Go(func() {
			if err := l.s.Resend(t.Context(), l.owner, l.b.ID, fmt.Sprint("k", i/2)); err != nil && !errors.Is(err, booking.ErrTooManyResends) {
				t.Error(err)
			}
		})
	}
	racers.Wait()
	if n := l.resent(t); n != 5 {
		t.Errorf("it was asked for %d times, want 5", n)
	}
}
