package booking_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// checkOutAsGuest holds two tickets for a guest to pay.
func (m *model) checkOutAsGuest(t *testing.T) (identity.Caller, booking.Booking) {
	t.Helper()
	guest := m.newCustomer()
	guest.Role = identity.Guest
	b, err := m.create(t.Context(), m.service(nil), guest, booking.Request{EventID: m.newEvent(price), Tickets: 2, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	return guest, b
}

func to[T any](v T) *T { return &v }

func TestAGuestCorrectsWhoHasBooked(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	guest, b := m.checkOutAsGuest(t)
	s := m.service(nil)
	for _, c := range []booking.Correction{
		{},
		{Name: to(" Zoe\u0308 Ångström "), Email: to("zoe@bücher.example"), Phone: to(" +4915112345678"), Locale: to("DE-at")},
		{Locale: to("")},
	} {
		if _, err := s.Correct(t.Context(), guest, b.ID, c); err != nil {
			t.Fatal(err)
		}
	}
	b, err := s.Pay(t.Context(), guest, b.ID, bookingtest.Good, "k")
	if err != nil {
		t.Fatal(err)
	}
	wantSteps(t, b, "created reserved contact_corrected attempt paid confirmed")
	for _, step := range b.Timeline {
		if text := fmt.Sprint(step); strings.Contains(text, "Zo") || strings.Contains(text, "@") || strings.Contains(text, "+49") {
			t.Errorf("the timeline has %s", text)
		}
	}
	told := m.messages(t)[b.ID][events.TypeBookingConfirmed]
	if len(told) != 1 {
		t.Fatalf("%d confirmations, want 1", len(told))
	}
	type buyer struct {
		Name, Email string
		Contact     *events.Contact
	}
	want := buyer{"Zo\u00eb Ångström", "zoe@bücher.example", &events.Contact{Phone: to("+4915112345678"), Locale: to("")}}
	if diff := cmp.Diff(want, buyer{told[0].UserName, told[0].UserEmail, told[0].Contact}); diff != "" {
		t.Errorf("who is told (-want +got):\n%s", diff)
	}
	m.check(t)
}

// What is left out of a correction stays, also what the user service alone knows.
func TestACorrectionKeepsTheRest(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	guest, b := m.checkOutAsGuest(t)
	s := m.service(nil)
	for _, c := range []booking.Correction{{Phone: to("+4930123456")}, {Email: to("new@example.com")}} {
		if _, err := s.Correct(t.Context(), guest, b.ID, c); err != nil {
			t.Fatal(err)
		}
	}
	got := m.get(t, b.ID)
	if got.UserName != guest.Name || got.UserEmail != "new@example.com" {
		t.Errorf("it is booked by %s, %s", got.UserName, got.UserEmail)
	}
	if diff := cmp.Diff(&events.Contact{Phone: to("+4930123456")}, got.Contact); diff != "" {
		t.Errorf("the contact (-want +got):\n%s", diff)
	}
}

func TestWhatACorrectionMayNotSay(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	guest, b := m.checkOutAsGuest(t)
	for field, bad := range map[string]booking.Correction{
		"name":         {Name: to("")},
		"name email":   {Name: to("\u202etxt"), Email: to("nobody")},
		"email":        {Email: to("a@example.com\r\nBcc: b@example.com")},
		"phone":        {Phone: to("0151")},
		"locale":       {Locale: to("german")},
		"email locale": {Name: to("Ada"), Email: to(""), Locale: to(strings.Repeat("x", 36))},
	} {
		_, err := m.service(nil).Correct(t.Context(), guest, b.ID, bad)
		var invalid problem.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", field, err)
			continue
		}
		var names []string
		for _, f := range invalid {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != field {
			t.Errorf("refused for %q, want %q", got, field)
		}
	}
	if got := m.get(t, b.ID); got.Version != b.Version {
		t.Errorf("the booking has the version %d, want %d", got.Version, b.Version)
	}
}

func TestWhoMayCorrectABooking(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	guest, b := m.checkOutAsGuest(t)
	other, account := m.newCustomer(), guest
	other.Role, account.Role = identity.Guest, identity.Customer
	for _, c := range []struct {
		caller identity.Caller
		id     string
		want   error
	}{
		{other, b.ID, booking.ErrForbidden},
		{account, b.ID, booking.ErrForbidden},
		{admin, b.ID, booking.ErrForbidden},
		{guest, uuid.NewString(), booking.ErrNotFound},
	} {
		_, err := m.service(nil).Correct(t.Context(), c.caller, c.id, booking.Correction{Name: to("Ada")})
		wantErr(t, err, c.want)
	}
}

func TestACorrectionComesBeforeThePayment(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	correct := func(guest identity.Caller, b booking.Booking) error {
		_, err := m.service(nil).Correct(t.Context(), guest, b.ID, booking.Correction{Name: to("Ada")})
		return err
	}
	pay := func(guest identity.Caller, b booking.Booking, token string, f *faults) {
		_, _ = m.service(f).Pay(t.Context(), guest, b.ID, token, "k")
	}

	guest, b := m.checkOutAsGuest(t)
	pay(guest, b, bookingtest.Declined, nil)
	wantErr(t, correct(guest, b), nil)
	m.keys++
	if _, err := m.service(nil).Pay(t.Context(), guest, b.ID, bookingtest.Acts, "k2"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, correct(guest, b), nil) // who waits for the customer is confirmed later
	if _, err := m.service(nil).Pay(t.Context(), guest, b.ID, bookingtest.Good, "k3"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, correct(guest, b), booking.ErrAlreadyPaid)

	guest, b = m.checkOutAsGuest(t)
	pay(guest, b, bookingtest.Good, &faults{before: only("Charge", unknown)})
	wantErr(t, correct(guest, b), booking.ErrPaymentInProgress)

	guest, b = m.checkOutAsGuest(t)
	if _, err := m.service(nil).Cancel(t.Context(), guest, b.ID); err != nil {
		t.Fatal(err)
	}
	wantErr(t, correct(guest, b), booking.ErrCheckoutAbandoned)

	guest, b = m.checkOutAsGuest(t)
	m.advance(ttl)
	wantErr(t, correct(guest, b), booking.ErrCheckoutExpired)
}

// A guest may correct a checkout, end its links and try to pay as often as they like.
func TestTheTimelineDoesNotGrowWithEachRequest(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	guest, b := m.checkOutAsGuest(t)
	away := m.service(&faults{before: only("Prepare", unknown)})
	for i := range 5 {
		if _, err := away.Correct(t.Context(), guest, b.ID, booking.Correction{Locale: to("de")}); err != nil {
			t.Fatal(err)
		}
		if err := away.EndLinks(t.Context(), guest, b.ID); err != nil {
			t.Fatal(err)
		}
		_, err := away.Pay(t.Context(), guest, b.ID, bookingtest.Good, fmt.Sprint("away", i))
		wantErr(t, err, booking.ErrPaymentUnavailable)
	}
	s := m.service(nil)
	if _, err := s.Pay(t.Context(), guest, b.ID, bookingtest.Good, "k"); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := s.Resend(t.Context(), guest, b.ID, fmt.Sprint("resend", i)); err != nil {
			t.Fatal(err)
		}
		if err := s.EndLinks(t.Context(), guest, b.ID); err != nil {
			t.Fatal(err)
		}
	}
	wantSteps(t, m.get(t, b.ID), "created reserved contact_corrected links_ended attempt payment_unavailable paid confirmed resend_requested links_ended")
}
