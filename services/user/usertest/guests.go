package usertest

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
)

// TestGuests is the contract of user.Guests. open returns an empty store.
func TestGuests(t *testing.T, open func(t *testing.T) user.Guests) {
	run(t, open, []subtest[user.Guests]{
		{"a guest is stored whole", guestsWhole},
		{"guests with the same name and address are two", guestsApart},
		{"an unknown guest is not found", guestsUnknown},
		{"prune forgets those made before", guestsPrune},
		{"an ended context changes nothing", guestsCancelled},
	})
}

func newGuest() user.Guest {
	return user.Guest{ID: id(), Name: "Zoë 周 \U0001F39F", Email: "Zoë@Example.com", Phone: "+4915112345678", Locale: "de-AT", CreatedAt: at}
}

func storedGuest(g user.Guest) user.Guest {
	g.CreatedAt = inUTC(g.CreatedAt)
	return g
}

func guestsWhole(t *testing.T, s user.Guests) {
	g, bare := newGuest(), user.Guest{ID: id(), Name: long, Email: "b@example.com", CreatedAt: at}
	for _, want := range []user.Guest{g, bare} {
		must(t, s.Create(t.Context(), want))
		got, err := s.Get(t.Context(), want.ID)
		must(t, err)
		diff(t, storedGuest(want), got)
	}
}

func guestsApart(t *testing.T, s user.Guests) {
	a, b := newGuest(), newGuest()
	b.Phone = ""
	must(t, s.Create(t.Context(), a))
	must(t, s.Create(t.Context(), b))
	for _, want := range []user.Guest{a, b} {
		got, err := s.Get(t.Context(), want.ID)
		must(t, err)
		diff(t, storedGuest(want), got)
	}
}

func guestsUnknown(t *testing.T, s user.Guests) {
	must(t, s.Create(t.Context(), newGuest()))
	for _, unknown := range []string{id(), "", "Zoë@Example.com", "\x00", "\xff"} {
		_, err := s.Get(t.Context(), unknown)
		wantErr(t, err, user.ErrNotFound)
	}
}

func guestsPrune(t *testing.T, s user.Guests) {
	old, young := newGuest(), newGuest()
	young.CreatedAt = at.Add(time.Microsecond)
	must(t, s.Create(t.Context(), old))
	must(t, s.Create(t.Context(), young))
	must(t, s.Prune(t.Context(), at))
	_, err := s.Get(t.Context(), old.ID)
	must(t, err)
	must(t, s.Prune(t.Context(), at.Add(time.Microsecond)))
	_, err = s.Get(t.Context(), old.ID)
	wantErr(t, err, user.ErrNotFound)
	_, err = s.Get(t.Context(), young.ID)
	must(t, err)
}

func guestsCancelled(t *testing.T, s user.Guests) {
	g, other := newGuest(), newGuest()
	must(t, s.Create(t.Context(), g))
	ctx := cancelled(t)
	wantErr(t, s.Create(ctx, other), ctx.Err())
	_, err := s.Get(ctx, g.ID)
	wantErr(t, err, ctx.Err())
	wantErr(t, s.Prune(ctx, at.Add(time.Hour)), ctx.Err())
	_, err = s.Get(t.Context(), other.ID)
	wantErr(t, err, user.ErrNotFound)
	_, err = s.Get(t.Context(), g.ID)
	must(t, err)
}
