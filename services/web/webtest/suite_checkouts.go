package webtest

import (
	"context"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/web"
)

// TestCheckouts is the contract of web.Checkouts.
func TestCheckouts(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"it says who takes the money", checkoutConfig},
		{"the tickets are held until a time", checkoutHolds},
		{"a repeated Begin holds nothing more", checkoutBeginsOnce},
		{"a key of another request is refused", checkoutKeyReused},
		{"tickets that are gone are refused", checkoutSoldOut},
		{"tickets that do not cost the total are refused", checkoutPrice},
		{"an event that does not exist is not found", checkoutNoEvent},
		{"a paid booking is confirmed", checkoutPays},
		{"a free booking is confirmed without a token", checkoutFree},
		{"a payment that needs the buyer has an action", checkoutAction},
		{"a confirmed payment confirms the booking", func(t *testing.T, w World) { checkoutAnswers(t, w, true) }},
		{"a refused payment leaves the tickets held", func(t *testing.T, w World) { checkoutAnswers(t, w, false) }},
		{"nothing waits at the URL of an action any more", checkoutOver},
		{"a declined payment leaves the tickets held", checkoutDeclined},
		{"a repeated payment pays nothing more", checkoutPaysOnce},
		{"a booking that is paid is refused", checkoutPaid},
		{"an extension gives a full period", checkoutExtends},
		{"a third extension is refused", checkoutExtendsTwice},
		{"an abandoned checkout gives its tickets back", checkoutAbandons},
		{"the whole contact is replaced", checkoutCorrects},
		{"a contact that is not allowed names the field", checkoutCorrectsField},
		{"without a token nobody books", func(t *testing.T, w World) {
			noToken(t, checkoutCalls(w, w.AddEvent(t, Concert(2500, 5)), newID()))
		}},
		{"nobody else's booking is found", func(t *testing.T, w World) {
			e := w.AddEvent(t, Concert(2500, 5))
			b := w.begin(t, w.guest(t), e, 1)
			by := w.guest(t).Caller
			for name, call := range checkoutCalls(w, e, b.ID) {
				if err := call(t.Context(), by); name != "Begin" {
					wantErr(t, err, web.ErrNotFound)
				}
			}
		}},
		{"an id that is none is not found", func(t *testing.T, w World) {
			noID(t, w.guest(t).Caller, func(ctx context.Context, by web.Caller, id string) error {
				_, err := w.Pay(ctx, by, newID(), id, "tok_visa")
				return err
			}, "Pay")
		}},
		{"a call ends with its context", func(t *testing.T, w World) {
			e := w.AddEvent(t, Concert(2500, 5))
			p := w.guest(t)
			ends(t, p.Caller, checkoutCalls(w, e, w.begin(t, p, e, 1).ID))
		}},
	})
}

func checkoutCalls(w World, e web.Event, id string) asked {
	return asked{
		"Begin": func(ctx context.Context, by web.Caller) error {
			_, err := w.Begin(ctx, by, newID(), e.ID, quantities(e, 1), e.TicketTypes[0].Price)
			return err
		},
		"Pay": func(ctx context.Context, by web.Caller) error {
			_, err := w.Pay(ctx, by, newID(), id, "tok_visa")
			return err
		},
		"Extend":  func(ctx context.Context, by web.Caller) error { _, err := w.Extend(ctx, by, newID(), id); return err },
		"Abandon": func(ctx context.Context, by web.Caller) error { _, err := w.Abandon(ctx, by, id); return err },
		"Correct": func(ctx context.Context, by web.Caller) error {
			_, err := w.Correct(ctx, by, id, web.Buyer{Name: "A", Email: "a@example.com"})
			return err
		},
	}
}

func checkoutConfig(t *testing.T, w World) {
	c, err := w.Config(t.Context(), visitor())
	must(t, err)
	if c != (web.PaymentsConfig{Provider: "sandbox"}) {
		t.Errorf("it is %+v, want the sandbox", c)
	}
}

func checkoutHolds(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.begin(t, p, e, 2)
	if b.ID == "" || b.EventID != e.ID || b.Status != web.Pending || b.Payment.Status != "awaiting" || b.Payment.Provider != "sandbox" {
		t.Errorf("the booking is %+v", b)
	}
	if left := time.Until(b.Payment.ExpiresAt); left < time.Minute || left > time.Hour {
		t.Errorf("it is held for %s", left)
	}
	if b.Total != eur(5000) || len(b.Items) != 1 || b.Items[0] != (web.Item{TicketTypeID: e.TicketTypes[0].ID, Name: "Stehplatz", Quantity: 2, UnitPrice: eur(2500)}) {
		t.Errorf("it costs %s for %+v", b.Total, b.Items)
	}
	if b.Buyer.Name != "Ada Lovelace" || b.Buyer.Email != p.email {
		t.Errorf("its buyer is %+v", b.Buyer)
	}
	if b.Event.Title != e.Title || !b.Event.StartsAt.Equal(e.StartsAt) || b.Event.Zone.String() != "Europe/Berlin" || b.Event.Venue != e.Venue || !b.Event.Transfers || b.Event.CancellationPolicy != e.CancellationPolicy {
		t.Errorf("its event is %+v", b.Event)
	}
	if left := w.available(t, e); left != 3 {
		t.Errorf("%d tickets are left, want 3", left)
	}
}

func checkoutBeginsOnce(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p, key := w.customer(t), newID()
	first, err := w.Begin(t.Context(), p.Caller, key, e.ID, quantities(e, 2), eur(5000))
	must(t, err)
	again, err := w.Begin(t.Context(), p.Caller, key, e.ID, quantities(e, 2), eur(5000))
	must(t, err)
	if again.ID != first.ID {
		t.Errorf("a repeat makes another booking")
	}
	if left := w.available(t, e); left != 3 {
		t.Errorf("%d tickets are left, want 3", left)
	}
}

func checkoutKeyReused(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p, key := w.guest(t), newID()
	_, err := w.Begin(t.Context(), p.Caller, key, e.ID, quantities(e, 1), eur(2500))
	must(t, err)
	_, err = w.Begin(t.Context(), p.Caller, key, e.ID, quantities(e, 2), eur(5000))
	wantRefusal(t, err, "idempotency_key_reused")
}

func checkoutSoldOut(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 2))
	_, err := w.Begin(t.Context(), w.guest(t).Caller, newID(), e.ID, quantities(e, 3), eur(7500))
	wantRefusal(t, err, "sold_out")
	if left := w.available(t, e); left != 2 {
		t.Errorf("%d tickets are left, want 2", left)
	}
}

func checkoutPrice(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	_, err := w.Begin(t.Context(), w.guest(t).Caller, newID(), e.ID, quantities(e, 2), eur(4999))
	wantRefusal(t, err, "price_changed")
	if left := w.available(t, e); left != 5 {
		t.Errorf("%d tickets are left, want 5", left)
	}
}

func checkoutNoEvent(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	_, err := w.Begin(t.Context(), w.guest(t).Caller, newID(), newID(), quantities(e, 1), eur(2500))
	wantErr(t, err, web.ErrNotFound)
}

func checkoutPays(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.buy(t, p, e, 2)
	if b.Payment.Status != "captured" || !b.Payment.ExpiresAt.IsZero() || b.Payment.Action != nil {
		t.Errorf("its payment is %+v", b.Payment)
	}
}

func checkoutFree(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(0, 5))
	p := w.guest(t)
	if b := w.buy(t, p, e, 1); b.Payment.Status != "not_required" {
		t.Errorf("its payment is %s", b.Payment.Status)
	}
}

// acting returns a booking that waits for its buyer.
func acting(t *testing.T, w World) (person, web.Event, web.Booking) {
	t.Helper()
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b, err := w.Pay(t.Context(), p.Caller, newID(), w.begin(t, p, e, 2).ID, "tok_authenticate")
	must(t, err)
	if b.Status != web.Pending || b.Payment.Status != "requires_action" || b.Payment.Action == nil {
		t.Fatalf("it is %s with the payment %+v", b.Status, b.Payment)
	}
	return p, e, b
}

func checkoutAction(t *testing.T, w World) {
	p, _, b := acting(t, w)
	if a := b.Payment.Action; a.Type != "authenticate" || a.URL == "" {
		t.Errorf("the action is %+v", a)
	}
	again, err := w.Booking(t.Context(), p.Caller, b.ID)
	must(t, err)
	if again.Payment.Action == nil || *again.Payment.Action != *b.Payment.Action {
		t.Errorf("later the action is %+v", again.Payment.Action)
	}
}

func checkoutAnswers(t *testing.T, w World, confirmed bool) {
	p, e, b := acting(t, w)
	must(t, w.AnswerSandbox(t.Context(), visitor(), b.Payment.Action.URL, confirmed))
	want := web.Pending
	if confirmed {
		want = web.Confirmed
	}
	eventually(t, "the booking has not settled", func() bool {
		b, err := w.Booking(t.Context(), p.Caller, b.ID)
		must(t, err)
		return b.Status == want && b.Payment.Status != "requires_action"
	})
	if left := w.available(t, e); left != 3 {
		t.Errorf("%d tickets are left, want 3", left)
	}
	if confirmed {
		return
	}
	b, err := w.Pay(t.Context(), p.Caller, newID(), b.ID, "tok_visa")
	must(t, err)
	if b.Status != web.Confirmed {
		t.Errorf("paid with another card it is %s", b.Status)
	}
}

func checkoutOver(t *testing.T, w World) {
	_, _, b := acting(t, w)
	must(t, w.AnswerSandbox(t.Context(), visitor(), b.Payment.Action.URL, true))
	wantRefusal(t, w.AnswerSandbox(t.Context(), visitor(), b.Payment.Action.URL, true), "link_not_valid")
}

func checkoutDeclined(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.begin(t, p, e, 2)
	key := newID()
	for range 2 { // a repeat answers the same
		_, err := w.Pay(t.Context(), p.Caller, key, b.ID, "tok_declined")
		wantRefusal(t, err, "payment_declined")
	}
	now, err := w.Booking(t.Context(), p.Caller, b.ID)
	must(t, err)
	if now.Status != web.Pending || now.Reason != "" || !now.Payment.ExpiresAt.Equal(b.Payment.ExpiresAt) {
		t.Errorf("it is %s %s, held until %s", now.Status, now.Reason, now.Payment.ExpiresAt)
	}
	if left := w.available(t, e); left != 3 {
		t.Errorf("%d tickets are left, want 3", left)
	}
}

func checkoutPaysOnce(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b, key := w.begin(t, p, e, 1), newID()
	for range 2 {
		paid, err := w.Pay(t.Context(), p.Caller, key, b.ID, "tok_visa")
		must(t, err)
		if paid.Status != web.Confirmed || paid.ID != b.ID {
			t.Errorf("it is %s", paid.Status)
		}
	}
}

func checkoutPaid(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.buy(t, p, e, 1)
	_, err := w.Pay(t.Context(), p.Caller, newID(), b.ID, "tok_visa")
	wantRefusal(t, err, "already_paid")
	_, err = w.Extend(t.Context(), p.Caller, newID(), b.ID)
	wantRefusal(t, err, "already_paid")
}

func checkoutExtends(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b, key := w.begin(t, p, e, 1), newID()
	first, err := w.Extend(t.Context(), p.Caller, key, b.ID)
	must(t, err)
	if !first.Payment.ExpiresAt.After(b.Payment.ExpiresAt) {
		t.Errorf("it is held until %s, and was until %s", first.Payment.ExpiresAt, b.Payment.ExpiresAt)
	}
	again, err := w.Extend(t.Context(), p.Caller, key, b.ID)
	must(t, err)
	if !again.Payment.ExpiresAt.Equal(first.Payment.ExpiresAt) {
		t.Errorf("a repeat extends it to %s", again.Payment.ExpiresAt)
	}
}

func checkoutExtendsTwice(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.begin(t, p, e, 1)
	for range 2 {
		_, err := w.Extend(t.Context(), p.Caller, newID(), b.ID)
		must(t, err)
	}
	_, err := w.Extend(t.Context(), p.Caller, newID(), b.ID)
	wantRefusal(t, err, "no_more_extensions")
}

func checkoutAbandons(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.begin(t, p, e, 2)
	for range 2 { // again it answers the same
		gone, err := w.Abandon(t.Context(), p.Caller, b.ID)
		must(t, err)
		if gone.Status != web.Failed || gone.Reason != "checkout_abandoned" {
			t.Errorf("it is %s %s", gone.Status, gone.Reason)
		}
	}
	eventually(t, "the tickets are not back", func() bool { return w.available(t, e) == 5 })
	_, err := w.Pay(t.Context(), p.Caller, newID(), b.ID, "tok_visa")
	wantRefusal(t, err, "checkout_abandoned")
}

func checkoutCorrects(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.begin(t, p, e, 1)
	for _, want := range []web.Buyer{
		{Name: "Grace Hopper", Email: somebody("grace"), Phone: "+4915112345678", Locale: "de"},
		{Name: "Grace Hopper", Email: somebody("grace")},
	} {
		b, err := w.Correct(t.Context(), p.Caller, b.ID, want)
		must(t, err)
		if b.Buyer != want {
			t.Errorf("the buyer is %+v, want %+v", b.Buyer, want)
		}
	}
}

func checkoutCorrectsField(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	p := w.guest(t)
	b := w.begin(t, p, e, 1)
	_, err := w.Correct(t.Context(), p.Caller, b.ID, web.Buyer{Name: "Ada", Email: "nowhere"})
	wantField(t, err, "email")
}
