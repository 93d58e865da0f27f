package booking_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// guests is a service with links, and a guest's booking of two tickets.
func guests(t *testing.T) linked {
	t.Helper()
	w := newWorld(t)
	l := linked{world: w, s: w.service(nil), owner: w.newCustomer()}
	l.s.LinkKeys, l.owner.Role, l.owner.Name = linkKeys, identity.Guest, "Guest"
	l.b = w.book(t, l.s, l.owner, booking.Request{EventID: w.newEvent(price), Tickets: 2, IdempotencyKey: "k"})
	return l
}

func (w *world) newAccount(email string) identity.Caller {
	c := w.newCustomer()
	c.Email, c.Name = email, "Account"
	return c
}

func TestAnAccountClaimsAGuestsBooking(t *testing.T) {
	t.Parallel()
	l := guests(t)
	account, key := l.newAccount("account@example.com"), linkKeys.Buyer(&l.b)
	// A repeat finds a link that has ended.
	for range 2 {
		b, err := l.s.ClaimBooking(t.Context(), account, l.b.ID, key)
		if err != nil || b.UserID != account.UserID || b.UserEmail != account.Email || b.UserName != "Guest" || b.Contact != nil {
			t.Fatalf("the booking of %s %s %s %v, %v", b.UserID, b.UserEmail, b.UserName, b.Contact, err)
		}
	}
	b := l.get(t, l.b.ID)
	wantSteps(t, b, "created reserved paid confirmed claimed")
	for _, step := range b.Timeline {
		if text := fmt.Sprint(step); strings.Contains(text, "@") || strings.Contains(text, "Account") || strings.Contains(text, "Guest") {
			t.Errorf("the timeline has %s", text)
		}
	}
	if all, _ := l.opened(t, b.ID, key); all {
		t.Error("the link to the address of before opens it")
	}
	if _, err := l.s.Get(t.Context(), account, b.ID); err != nil {
		t.Errorf("the account: %v", err)
	}
	_, err := l.s.Get(t.Context(), l.owner, b.ID)
	wantErr(t, err, booking.ErrForbidden)
	// Not even the key of the guest's request shows it.
	_, err = l.s.Create(t.Context(), l.owner, booking.Request{EventID: b.EventID, Tickets: 2, IdempotencyKey: "k"})
	wantErr(t, err, booking.ErrForbidden)
	if _, err := l.s.Cancel(t.Context(), account, b.ID); err != nil {
		t.Fatal(err)
	}
	if told := l.messages(t)[b.ID][events.TypeBookingCancelled]; len(told) != 1 || told[0].UserID != account.UserID || told[0].UserEmail != account.Email {
		t.Errorf("who is told: %+v", told)
	}
	l.check(t)
}

func TestClaimsAreRefused(t *testing.T) {
	t.Parallel()
	l := guests(t)
	account, first := l.newAccount("account@example.com"), l.b.Tickets()[0]
	accounts := l.book(t, l.s, account, booking.Request{EventID: l.b.EventID, Tickets: 1})
	unpaid, err := l.s.Create(t.Context(), l.owner, booking.Request{EventID: l.b.EventID, Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(c identity.Caller, id, key string) error {
		_, err := l.s.ClaimBooking(t.Context(), c, id, key)
		return err
	}
	other := l.newAccount("other@example.com")
	for name, c := range map[string]struct{ got, want error }{
		"a holder's key":            {claim(account, l.b.ID, linkKeys.Holder(&l.b, first)), booking.ErrNotFound},
		"a forged key":              {claim(account, l.b.ID, strings.Repeat("A", 22)), booking.ErrNotFound},
		"no key":                    {claim(account, l.b.ID, ""), booking.ErrNotFound},
		"no key of an admin":        {claim(admin, l.b.ID, ""), booking.ErrNotFound},
		"no booking":                {claim(account, uuid.NewString(), linkKeys.Buyer(&l.b)), booking.ErrNotFound},
		"another account's booking": {claim(other, accounts.ID, linkKeys.Buyer(&accounts)), booking.ErrAlreadyClaimed},
		"one's own":                 {claim(account, accounts.ID, linkKeys.Buyer(&accounts)), nil},
		"what is not paid":          {claim(account, unpaid.ID, linkKeys.Buyer(&unpaid)), booking.ErrPaymentInProgress},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// Of racing accounts with the link one gets the booking.
func TestRacingClaims(t *testing.T) {
	t.Parallel()
	l := guests(t)
	var racers sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 8 {
		account := l.newAccount(l.owner.Email)
		racers.Go(func() {
			b, err := l.s.ClaimBooking(t.Context(), account, l.b.ID, linkKeys.Buyer(&l.b))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, booking.ErrAlreadyClaimed):
				got["refused"]++
			case err == nil && b.UserID == account.UserID:
				got["claimed"]++
			default:
				t.Errorf("%s, %v", b.UserID, err)
			}
		})
	}
	racers.Wait()
	if got["claimed"] != 1 || got["refused"] != 7 {
		t.Errorf("%v", got)
	}
}

// A claimed booking counts for the account as one that it has made.
func TestClaimedTicketsCountForTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ticketsPerAccount = 3
	l := linked{world: w, s: w.service(nil), owner: w.newCustomer()}
	l.s.LinkKeys, l.owner.Role = linkKeys, identity.Guest
	free := price
	free.AmountMinor = 0
	l.b = w.book(t, l.s, l.owner, booking.Request{EventID: w.newEvent(free), Tickets: 2})
	account := l.newAccount("account@example.com")
	if _, err := l.s.ClaimBooking(t.Context(), account, l.b.ID, linkKeys.Buyer(&l.b)); err != nil {
		t.Fatal(err)
	}
	_, err := l.s.Create(t.Context(), account, booking.Request{EventID: l.b.EventID, Tickets: 2})
	wantErr(t, err, booking.ErrTooManyTickets)
	if _, err = l.s.Create(t.Context(), l.owner, booking.Request{EventID: l.b.EventID, Tickets: 2}); err != nil {
		t.Errorf("the guest has none any more: %v", err)
	}
}
