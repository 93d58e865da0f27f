package notification_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	admin = identity.Caller{UserID: "admin-1", Email: "admin@example.com", Name: "Root", Role: identity.Admin}
)

// outside is what lies beyond the ports, with faults to order: a mail and an
// SMS system that take what they are given, and the user service.
type outside struct {
	mu       sync.Mutex
	mails    []notification.Mail
	texts    []notification.Text
	mailErr  error
	smsErr   error
	contact  notification.Contact
	usersErr error
	asked    int // for contacts

	delivery    notification.Delivery
	deliveryErr error
	wanted      []notification.Wanted
	links       notification.LinkMail
	linksErr    error
	linksAsked  int
}

// LinkMail is notification.Deliveries, too.
func (o *outside) LinkMail(context.Context, string) (notification.LinkMail, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.linksAsked++
	return o.links, o.linksErr
}

// asks returns what deliveries were asked for.
func (o *outside) asks() []notification.Wanted {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.wanted)
}

// Delivery is notification.Deliveries: everybody gets the same.
func (o *outside) Delivery(_ context.Context, w notification.Wanted) (notification.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wanted = append(o.wanted, w)
	d := o.delivery
	if !w.PDF {
		d.PDF = nil
	}
	return d, o.deliveryErr
}

func (o *outside) set(change func(o *outside)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(o)
}

func (o *outside) sent() (mails []notification.Mail, texts []notification.Text) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append(mails, o.mails...), append(texts, o.texts...)
}

type mailerOf struct{ o *outside }

func (m mailerOf) Send(_ context.Context, mail notification.Mail) error {
	m.o.mu.Lock()
	defer m.o.mu.Unlock()
	if m.o.mailErr == nil {
		m.o.mails = append(m.o.mails, mail)
	}
	return m.o.mailErr
}

type smsOf struct{ o *outside }

func (m smsOf) Send(_ context.Context, t notification.Text) error {
	m.o.mu.Lock()
	defer m.o.mu.Unlock()
	if m.o.smsErr == nil {
		m.o.texts = append(m.o.texts, t)
	}
	return m.o.smsErr
}

func (o *outside) Contact(context.Context, string) (notification.Contact, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	return o.contact, o.usersErr
}

func openDB(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "n.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newService returns a service on SQLite and on o, with quick retries.
func newService(t *testing.T, o *outside, change ...func(*notification.Options)) *notification.Service {
	t.Helper()
	options := notification.Options{
		Store: sqlite.New(openDB(t)), Mailer: mailerOf{o}, SMS: smsOf{o}, Contacts: o, AccountMails: &accounts{outside: o}, Deliveries: o, Log: quiet,
		RetryBase: time.Millisecond, RetryMax: 5 * time.Millisecond, MaxAttempts: 1 << 20, Poll: 2 * time.Millisecond,
	}
	for _, c := range change {
		c(&options)
	}
	s, err := notification.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the worker until the test ends, or until stop is called.
func run(t *testing.T, s *notification.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("Run has not ended")
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to this: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func booking(userID string) events.Booking {
	price := money.Amount{AmountMinor: 2500, Currency: "EUR"}
	return events.Booking{
		BookingID: uuid.Must(uuid.NewV7()).String(), Version: 2, UserID: userID, UserEmail: userID + "@example.com", UserName: "Ada",
		Event: events.Event{ID: "e1", Title: "Concert", StartsAt: time.Date(2027, 3, 12, 18, 30, 0, 0, time.UTC), TimeZone: "Europe/Berlin"},
		Items: []events.Item{{Name: "Stalls", Quantity: 1, UnitPrice: price}}, Total: price,
	}
}

func message(t testing.TB, typ string, b events.Booking) events.Message {
	t.Helper()
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return events.Message{ID: uuid.Must(uuid.NewV7()).String(), Type: typ, Data: data}
}

func handle(t *testing.T, s *notification.Service, m events.Message) {
	t.Helper()
	if err := s.Handle(t.Context(), m); err != nil {
		t.Fatalf("Handle: %v", err)
	}
}

func all(t *testing.T, s *notification.Service) []notification.Notification {
	t.Helper()
	ns, err := s.List(t.Context(), admin, notification.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func statuses(t *testing.T, s *notification.Service) map[notification.Status]int {
	t.Helper()
	count := map[notification.Status]int{}
	for _, n := range all(t, s) {
		count[n.Status]++
	}
	return count
}

func TestAConfirmationGoesOutByMailAndSMS(t *testing.T) {
	t.Parallel()
	o := &outside{contact: notification.Contact{Phone: "+4930123456"}}
	s := newService(t, o)
	run(t, s)
	m := message(t, events.TypeBookingConfirmed, booking("ada"))
	for range 3 { // redelivered
		handle(t, s, m)
	}
	eventually(t, "mail and SMS are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	handle(t, s, m)
	mails, texts := o.sent()
	if len(mails) != 1 || mails[0].To != "ada@example.com" || len(texts) != 1 || texts[0].To != "+4930123456" {
		t.Errorf("sent are %v and %v", mails, texts)
	}
	for _, n := range all(t, s) {
		if n.Attempts != 1 || n.Error != "" || n.SentAt.IsZero() {
			t.Errorf("it is %+v", n)
		}
	}
}

func TestEachRequestMailsTheConfirmationOnceMore(t *testing.T) {
	t.Parallel()
	o := &outside{contact: notification.Contact{Phone: "+4930123456"}}
	s := newService(t, o)
	run(t, s)
	b := booking("ada")
	handle(t, s, message(t, events.TypeBookingConfirmed, b))
	eventually(t, "mail and SMS are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	for n := range 2 {
		b.Version++
		m := message(t, events.TypeBookingResendRequested, b)
		for range 3 { // redelivered
			handle(t, s, m)
		}
		eventually(t, "the mail is SENT again", func() bool { return statuses(t, s)[notification.Sent] == 3+n })
	}
	mails, texts := o.sent()
	var subjects []string
	for _, m := range mails {
		subjects = append(subjects, m.Subject)
	}
	if got := strings.Join(subjects, ", "); got != "Booking confirmed: Concert, Your booking: Concert, Your booking: Concert" || len(texts) != 1 {
		t.Errorf("mails: %s; %d SMS", got, len(texts))
	}
	if !strings.Contains(mails[2].Text, "your booking is confirmed") || len(mails[2].Attachments) == 0 {
		t.Errorf("the last mail is no confirmation:\n%s", mails[2].Text)
	}
}

// What is asked for again while the first has not gone out adds to it: it has no SMS, and
// a quota may stop it.
func TestARequestForTheMailTakesNothingAway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		price int64
		mails []string
		texts int
	}{
		"paid":           {2500, []string{"Booking confirmed: Concert", "Your booking: Concert"}, 1},
		"free, no quota": {0, []string{"Booking confirmed: Concert"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outside{mailErr: errors.New("away"), smsErr: errors.New("away"), contact: notification.Contact{Phone: "+4930123456"}}
			s := newService(t, o, func(o *notification.Options) { o.RecipientQuota = 1 })
			run(t, s)
			b := booking("ada")
			b.Total.AmountMinor, b.Items[0].UnitPrice.AmountMinor = test.price, test.price
			handle(t, s, message(t, events.TypeBookingConfirmed, b))
			b.Version++
			handle(t, s, message(t, events.TypeBookingResendRequested, b))
			o.set(func(o *outside) { o.mailErr, o.smsErr = nil, nil })
			eventually(t, "nothing waits", func() bool { return statuses(t, s)[notification.Pending] == 0 })
			mails, texts := o.sent()
			subjects := []string{}
			for _, m := range mails {
				subjects = append(subjects, m.Subject)
			}
			if !slices.Equal(subjects, test.mails) || len(texts) != test.texts {
				t.Errorf("sent are %q and %d SMS, want %q and %d", subjects, len(texts), test.mails, test.texts)
			}
		})
	}
}

// However long nobody says where and who the customer is now, a mail does not go to
// an address, or a number, that may be somebody else's by now.
func TestAUserServiceOutageDelaysMailAndSMS(t *testing.T) {
	t.Parallel()
	o := &outside{usersErr: errors.New("down")}
	s := newService(t, o)
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "the address was asked for many times", func() bool { return all(t, s)[0].Attempts > 10 })
	if mails, texts := o.sent(); len(mails)+len(texts) != 0 {
		t.Errorf("%d mails and %d SMS went out", len(mails), len(texts))
	}
	if n := len(all(t, s)); n != 1 {
		t.Errorf("%d notifications are shown, want the mail alone", n)
	}
	o.set(func(o *outside) {
		o.usersErr, o.contact = nil, notification.Contact{Email: "countess@lovelace.example", Name: "Countess Lovelace", Phone: "+4930123456"}
	})
	eventually(t, "mail and SMS are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	mails, _ := o.sent()
	if mails[0].To != "countess@lovelace.example" || !strings.Contains(mails[0].Text, "Countess Lovelace") {
		t.Errorf("it went to %q:\n%s", mails[0].To, mails[0].Text)
	}
}

// unreachable cannot be asked for one user.
type unreachable struct {
	notification.Contacts
	userID string
}

func (u unreachable) Contact(ctx context.Context, userID string) (notification.Contact, error) {
	if userID == u.userID {
		return notification.Contact{}, errors.New("down")
	}
	return u.Contacts.Contact(ctx, userID)
}

func TestAMailWhoseAddressIsAskedForInVainHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o, func(o *notification.Options) {
		o.Workers, o.Contacts, o.RetryBase, o.RetryMax = 1, unreachable{o.Contacts, "ada"}, time.Hour, time.Hour
	})
	run(t, s)
	for range 30 {
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("bob")))
	eventually(t, "the other's is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
}

// What is tried again asks again, however it failed before.
func TestARetryAsksForTheAddressAnew(t *testing.T) {
	t.Parallel()
	o := &outside{
		mailErr: errors.New("away"), smsErr: errors.New("away"),
		contact: notification.Contact{Email: "old@example.com", Name: "Ada", Phone: "+4930123456"},
	}
	s := newService(t, o)
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	triedMore := func(than int) func() bool {
		return func() bool {
			return len(all(t, s)) == 2 && !slices.ContainsFunc(all(t, s), func(n notification.Notification) bool { return n.Attempts <= than })
		}
	}
	eventually(t, "both were tried", triedMore(0))
	o.set(func(o *outside) { o.usersErr = errors.New("down") })
	before := max(attempts(t, s, notification.Email), attempts(t, s, notification.SMS))
	eventually(t, "tries that began before have ended", triedMore(before+1))
	o.set(func(o *outside) { o.mailErr, o.smsErr = nil, nil })
	before = max(attempts(t, s, notification.Email), attempts(t, s, notification.SMS))
	eventually(t, "they were tried without an address", triedMore(before+5))
	if mails, texts := o.sent(); len(mails)+len(texts) != 0 {
		t.Errorf("%d mails and %d SMS went to an old address", len(mails), len(texts))
	}
	o.set(func(o *outside) {
		o.usersErr, o.contact = nil, notification.Contact{Email: "new@example.com", Name: "Countess", Phone: "+4940654321"}
	})
	eventually(t, "both are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	mails, texts := o.sent()
	if mails[0].To != "new@example.com" || !strings.Contains(mails[0].Text, "Countess") {
		t.Errorf("the mail went to %q:\n%s", mails[0].To, mails[0].Text)
	}
	if texts[0].To != "+4940654321" {
		t.Errorf("the SMS went to %q", texts[0].To)
	}
}

func TestAnSMSToANumberThatIsRemovedIsNotSent(t *testing.T) {
	t.Parallel()
	o := &outside{smsErr: errors.New("away"), contact: notification.Contact{Phone: "+4930123456"}}
	s := newService(t, o)
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "the SMS was tried", func() bool { return attempts(t, s, notification.SMS) > 0 })
	o.set(func(o *outside) { o.contact.Phone = "" })
	eventually(t, "the SMS is OUTDATED", func() bool { return statuses(t, s)[notification.Outdated] == 1 })
}

// A platform whose SMS gateway was taken away has SMS in its store.
func TestWithoutAProviderNoSMSIsStoredOrSent(t *testing.T) {
	t.Parallel()
	o := &outside{smsErr: errors.New("away"), contact: notification.Contact{Phone: "+4930123456"}}
	store := sqlite.New(openDB(t))
	with := newService(t, o, func(o *notification.Options) { o.Store = store })
	stop := run(t, with)
	handle(t, with, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "its SMS was tried", func() bool { return attempts(t, with, notification.SMS) > 0 })
	stop()
	without := newService(t, o, func(o *notification.Options) { o.Store, o.SMS = store, nil })
	run(t, without)
	handle(t, without, message(t, events.TypeBookingConfirmed, booking("bob")))
	eventually(t, "the SMS is FAILED, and the mails are SENT", func() bool {
		now := statuses(t, without)
		return now[notification.Failed] == 1 && now[notification.Sent] == 2 && len(now) == 2
	})
}

// Better an old address than none: a mail that would be given up goes there.
func TestTheLastAttemptsGoToTheAddressOfTheBooking(t *testing.T) {
	t.Parallel()
	o := &outside{usersErr: errors.New("down")}
	var sends atomic.Int64
	s := newService(t, o, func(o *notification.Options) { o.Mailer, o.MaxAttempts = countingMailer{o.Mailer, &sends}, 8 })
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "the mail is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	mails, _ := o.sent()
	if mails[0].To != "ada@example.com" {
		t.Errorf("it went to %q", mails[0].To)
	}
	if n := all(t, s)[0]; n.Attempts != 6 || n.Error != "" {
		t.Errorf("it has %d attempts and the error %q, want 6: the address was asked for five times before", n.Attempts, n.Error)
	}
	o.set(func(o *outside) { o.mailErr = &notification.SendError{Reason: "busy"} })
	sends.Store(0)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("bob")))
	eventually(t, "the mail is given up", func() bool { return statuses(t, s)[notification.Failed] == 1 })
	if sends.Load() != 3 {
		t.Errorf("it was sent %d times, want 3", sends.Load())
	}
}

// The customer changes name and address: mails that are written after that know.
func TestNameAndAddressAreThoseAtTheTimeOfWriting(t *testing.T) {
	t.Parallel()
	o := &outside{mailErr: errors.New("away"), contact: notification.Contact{Email: "ada@example.com", Name: "Ada"}}
	s := newService(t, o)
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "it was tried", func() bool { return all(t, s)[0].Attempts > 0 })
	o.set(func(o *outside) {
		o.contact = notification.Contact{Email: "countess@lovelace.example", Name: "Countess Lovelace"}
	})
	tries := all(t, s)[0].Attempts + 2 // one of them may have asked before
	eventually(t, "it was tried again", func() bool { return all(t, s)[0].Attempts >= tries })
	o.set(func(o *outside) { o.mailErr = nil })
	eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	mails, _ := o.sent()
	if mails[0].To != "countess@lovelace.example" || all(t, s)[0].To != mails[0].To {
		t.Errorf("it went to %q, and the list says %q", mails[0].To, all(t, s)[0].To)
	}
	for _, text := range []string{mails[0].Text, mails[0].HTML} {
		if !strings.Contains(text, "Countess Lovelace") {
			t.Errorf("it does not know the new name:\n%s", text)
		}
	}
}

// What a guest has corrected of a booking counts for it, and not what the user service
// knows of the guest. It need not be asked then.
func TestWhatAGuestHasCorrectedCounts(t *testing.T) {
	t.Parallel()
	phone, none := "+4940654321", ""
	for name, c := range map[string]struct {
		contact     events.Contact
		away        bool
		mails, text string // where the SMS goes; "" for none
	}{
		"with a phone":                {events.Contact{Phone: &phone}, true, "corrected@example.com", phone},
		"without a phone":             {events.Contact{Phone: &none}, true, "corrected@example.com", ""},
		"with the phone of the guest": {events.Contact{}, false, "corrected@example.com", "+4930123456"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outside{contact: notification.Contact{Email: "guest@example.com", Name: "Guest", Phone: "+4930123456"}}
			if c.away {
				o.usersErr = errors.New("away")
			}
			s := newService(t, o)
			run(t, s)
			b := booking("corrected")
			b.Contact = &c.contact
			handle(t, s, message(t, events.TypeBookingConfirmed, b))
			eventually(t, "all is settled", func() bool {
				mails, texts := o.sent()
				return len(mails) == 1 && (c.text == "" || len(texts) == 1)
			})
			mails, texts := o.sent()
			if mails[0].To != c.mails || !strings.Contains(mails[0].Text, "Ada") {
				t.Errorf("the mail goes to %s and says\n%s", mails[0].To, mails[0].Text)
			}
			switch {
			case c.text == "" && len(texts) > 0:
				t.Errorf("an SMS goes to %s", texts[0].To)
			case c.text != "" && texts[0].To != c.text:
				t.Errorf("the SMS goes to %s, want %s", texts[0].To, c.text)
			}
		})
	}
}

func TestAMailToSomebodyUnknownGoesToTheAddressOfTheBooking(t *testing.T) {
	t.Parallel()
	o := &outside{usersErr: notification.ErrNoContact}
	s := newService(t, o)
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("guest")))
	eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	if mails, _ := o.sent(); mails[0].To != "guest@example.com" || !strings.Contains(mails[0].Text, "Hello Ada,") {
		t.Errorf("it went to %q:\n%s", mails[0].To, mails[0].Text)
	}
}

func TestNoPhoneNoSMS(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*outside{"no phone": {}, "no such user": {usersErr: notification.ErrNoContact}} {
		s := newService(t, o)
		stop := run(t, s)
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		eventually(t, "the mail is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
		eventually(t, "the phone was asked for", func() (asked bool) {
			o.set(func(o *outside) { asked = o.asked > 1 }) // for the mail, and for the SMS
			return asked
		})
		o.set(func(o *outside) { o.contact.Phone = "+4930123456" })
		stop()
		if _, texts := o.sent(); len(texts) != 0 || len(all(t, s)) != 1 {
			t.Errorf("%s: %d SMS sent, and %d notifications", name, len(texts), len(all(t, s)))
		}
	}
}

func TestACancellationIsToldAndAStaleConfirmationIsNot(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o)
	run(t, s)
	inOrder, overtaken := booking("ada"), booking("bob")
	for _, b := range []events.Booking{inOrder, overtaken} {
		messages := []events.Message{message(t, events.TypeBookingConfirmed, b)}
		b.Version, b.Refunded = b.Version+2, b.Total
		messages = append(messages, message(t, events.TypeBookingCancelled, b))
		if b.BookingID == overtaken.BookingID {
			slices.Reverse(messages)
		}
		for _, m := range messages {
			handle(t, s, m)
			eventually(t, "it is sent, or told to nobody", func() bool { return statuses(t, s)[notification.Pending] == 0 })
		}
	}
	want := map[string]int{"ada@example.com": 2, "bob@example.com": 1}
	eventually(t, "three mails are SENT", func() bool { return statuses(t, s)[notification.Sent] == 3 })
	mails, _ := o.sent()
	for _, m := range mails {
		want[m.To]--
		if m.To == "bob@example.com" && m.Subject != "Booking cancelled: Concert" {
			t.Errorf("Bob is told %q", m.Subject)
		}
	}
	for to, left := range want {
		if left != 0 {
			t.Errorf("%s got %d mails too few", to, left)
		}
	}
}

// changed is message typ of b in a later version, with what change makes of it.
func changed(t *testing.T, typ string, b events.Booking, version int64, change func(b *events.Booking)) events.Message {
	t.Helper()
	b.Version = version
	change(&b)
	return message(t, typ, b)
}

// inPart makes b one of which a ticket was cancelled.
func inPart(b *events.Booking) {
	refund := b.Total
	b.Cancellation = &events.Cancellation{ID: uuid.NewString(), Items: b.Items, Price: refund, Refund: refund, Fee: money.Amount{Currency: "EUR"}}
	b.Refunded = refund
}

// Whatever the order in which a booking's messages come, each as often as it
// may, the customer hears once of each thing that is still so, or is money.
func TestWhatIsToldDependsOnNoOrder(t *testing.T) {
	t.Parallel()
	acknowledged := func(b *events.Booking) { b.Acknowledged, b.Reason = true, "payment_abandoned" }
	returned := func(b *events.Booking) { acknowledged(b); b.Refunded = b.Total }
	as := func(*events.Booking) {}
	type fact struct {
		typ     string
		version int64
		change  func(*events.Booking)
		kind    string // what the subject begins with
	}
	confirmed := fact{events.TypeBookingConfirmed, 8, as, "Booking confirmed"}
	failed := fact{events.TypeBookingFailed, 5, acknowledged, "Payment failed"}
	tooLate := fact{events.TypeBookingFailed, 9, returned, "Payment refunded"}
	first := fact{events.TypeBookingItemsCancelled, 10, inPart, "Tickets cancelled"}
	second := fact{events.TypeBookingItemsCancelled, 12, inPart, "Tickets cancelled"}
	cancelled := fact{events.TypeBookingCancelled, 14, func(b *events.Booking) { inPart(b) }, "Booking cancelled"}
	off := fact{events.TypeBookingCancelled, 14, func(b *events.Booking) { inPart(b); b.Reason = "event_cancelled" }, "Event cancelled"}
	feeBack := off
	feeBack.version = 15
	for name, test := range map[string]struct {
		come []fact
		told []string
	}{
		"failed, then paid too late":              {[]fact{failed, tooLate}, []string{failed.kind, tooLate.kind}},
		"paid too late, heard first":              {[]fact{tooLate, failed}, []string{tooLate.kind}},
		"failed, then paid and confirmed":         {[]fact{failed, confirmed}, []string{confirmed.kind, failed.kind}},
		"paid and confirmed, heard first":         {[]fact{confirmed, failed}, []string{confirmed.kind}},
		"cancelled in part, twice":                {[]fact{confirmed, first, second}, []string{confirmed.kind, first.kind, second.kind}},
		"cancelled in part, the other way around": {[]fact{second, first, confirmed}, []string{confirmed.kind, first.kind, second.kind}},
		"failed, heard after cancelled in part":   {[]fact{first, failed, confirmed}, []string{confirmed.kind, first.kind}},
		"cancelled in part, then all":             {[]fact{confirmed, first, cancelled}, []string{cancelled.kind, confirmed.kind, first.kind}},
		"cancelled all, heard first":              {[]fact{cancelled, second, confirmed, first}, []string{cancelled.kind, first.kind, second.kind}},
		"the event is off, heard first":           {[]fact{off, confirmed, first}, []string{off.kind, first.kind}},
		"a fee comes back, for the event is off":  {[]fact{confirmed, cancelled, feeBack}, []string{cancelled.kind, confirmed.kind, feeBack.kind}},
		"a fee comes back, heard first":           {[]fact{feeBack, cancelled, confirmed}, []string{feeBack.kind}},
		"the event is off, after a part":          {[]fact{confirmed, first, off}, []string{confirmed.kind, off.kind, first.kind}},
	} {
		s := newService(t, &outside{})
		b := booking("ada")
		for _, f := range test.come {
			m := changed(t, f.typ, b, f.version, f.change)
			handle(t, s, m)
			handle(t, s, m)
		}
		got := []string{}
		for _, n := range all(t, s) {
			kind, _, _ := strings.Cut(n.Subject, ":")
			got = append(got, kind)
		}
		slices.Sort(got)
		slices.Sort(test.told)
		if !slices.Equal(got, test.told) {
			t.Errorf("%s: told are %v, want %v", name, got, test.told)
		}
	}
}

// attempts returns how many attempts the open deliveries by a channel have had in
// all. A booking's deliveries by one channel are tried one at a time.
func attempts(t *testing.T, s *notification.Service, by notification.Channel) (sum int) {
	t.Helper()
	for _, n := range all(t, s) {
		if n.Channel == by && n.Status.Open() {
			sum += n.Attempts
		}
	}
	return sum
}

// Of what waits while the mail server is away, the outdated is dropped when the
// newer comes; the rest goes out in the order of the booking's versions.
func TestNobodyIsToldAnOlderStateAfterANewerOne(t *testing.T) {
	t.Parallel()
	as := func(*events.Booking) {}
	acknowledged := func(b *events.Booking) { b.Acknowledged, b.Reason = true, "payment_abandoned" }
	returned := func(b *events.Booking) { acknowledged(b); b.Refunded = b.Total }
	off := func(b *events.Booking) { inPart(b); b.Reason = "event_cancelled" }
	type fact struct {
		typ    string
		change func(*events.Booking)
	}
	confirmed, cancelled := fact{events.TypeBookingConfirmed, as}, fact{events.TypeBookingCancelled, inPart}
	part, called := fact{events.TypeBookingItemsCancelled, inPart}, fact{events.TypeBookingCancelled, off}
	failed, tooLate := fact{events.TypeBookingFailed, acknowledged}, fact{events.TypeBookingFailed, returned}
	for name, test := range map[string]struct {
		come []fact
		told []string
	}{
		"cancelled":                     {[]fact{confirmed, cancelled}, []string{"Booking cancelled"}},
		"the event is off":              {[]fact{confirmed, called}, []string{"Event cancelled"}},
		"cancelled in part":             {[]fact{confirmed, part, part}, []string{"Booking confirmed", "Tickets cancelled", "Tickets cancelled"}},
		"cancelled in part, then all":   {[]fact{confirmed, part, cancelled}, []string{"Tickets cancelled", "Booking cancelled"}},
		"failed, then paid":             {[]fact{failed, confirmed}, []string{"Booking confirmed"}},
		"failed, paid and cancelled":    {[]fact{failed, confirmed, part, called}, []string{"Tickets cancelled", "Event cancelled"}},
		"failed, then paid, too late":   {[]fact{failed, tooLate}, []string{"Payment refunded"}},
		"nothing newer, nothing better": {[]fact{failed}, []string{"Payment failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outside{mailErr: errors.New("away"), smsErr: errors.New("away"), contact: notification.Contact{Phone: "+4930123456"}}
			s := newService(t, o)
			run(t, s)
			b := booking("ada")
			for i, f := range test.come {
				handle(t, s, changed(t, f.typ, b, int64(2*i+2), f.change))
				eventually(t, "one was tried", func() bool {
					return slices.ContainsFunc(all(t, s), func(n notification.Notification) bool { return n.Attempts > 0 })
				})
			}
			// A message that is being sent when a newer one comes may still arrive.
			eventually(t, "what is outdated is dropped", func() bool {
				dropped := 0
				for _, n := range all(t, s) {
					if n.Channel == notification.Email && n.Status == notification.Outdated {
						dropped++
					}
				}
				return dropped+len(test.told) == len(test.come)
			})
			for _, channel := range []notification.Channel{notification.Email, notification.SMS} {
				before := attempts(t, s, channel)
				eventually(t, "two tries end, of which one began after that", func() bool {
					open := slices.ContainsFunc(all(t, s), func(n notification.Notification) bool { return n.Channel == channel && n.Status.Open() })
					return !open || attempts(t, s, channel) > before+1
				})
			}
			o.set(func(o *outside) { o.mailErr, o.smsErr = nil, nil })
			paid := len(test.told)
			if slices.Contains(test.told, "Payment failed") {
				paid--
			}
			eventually(t, "all is sent that is still so", func() bool {
				return statuses(t, s)[notification.Sent] == len(test.told)+paid
			})
			mails, texts := o.sent()
			got := []string{}
			for _, m := range mails {
				kind, _, _ := strings.Cut(m.Subject, ":")
				got = append(got, kind)
			}
			if !slices.Equal(got, test.told) || len(texts) != paid {
				t.Errorf("told are %v by mail, and %d SMS; want %v and %d SMS", got, len(texts), test.told, paid)
			}
			for _, n := range all(t, s) {
				if n.Status == notification.Outdated && n.Error != notification.Replaced || n.Status == notification.Pending {
					t.Errorf("one is %s: %q", n.Status, n.Error)
				}
			}
		})
	}
}

// While the first mail is on its way, the next one of its booking is not sent,
// though there are workers and it could be handed to one at once.
func TestTheNextMailOfABookingWaitsForTheOneOnItsWay(t *testing.T) {
	t.Parallel()
	o := &outside{}
	mailer := slow{mailerOf{o}, make(chan struct{}, 100), make(chan struct{})}
	s := newService(t, o, func(o *notification.Options) { o.Mailer = mailer })
	run(t, s)
	b := booking("ada")
	handle(t, s, changed(t, events.TypeBookingConfirmed, b, 2, func(*events.Booking) {}))
	<-mailer.begun
	handle(t, s, changed(t, events.TypeBookingCancelled, b, 4, inPart))
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("bob")))
	<-mailer.begun // another booking's mail does not wait
	if n := len(mailer.begun); n != 0 {
		t.Errorf("%d more mails are on their way", n)
	}
	close(mailer.finish)
	eventually(t, "all are SENT", func() bool { return statuses(t, s)[notification.Sent] == 3 })
	mails, _ := o.sent()
	var ada []string
	for _, m := range mails {
		if m.To == "ada@example.com" {
			ada = append(ada, m.Subject)
		}
	}
	if want := []string{"Booking confirmed: Concert", "Booking cancelled: Concert"}; !slices.Equal(ada, want) {
		t.Errorf("Ada is told %q, want %q", ada, want)
	}
}

// A message that was overtaken does not say what remains.
func TestWhatIsOvertakenSaysNothingOfTheBookingsState(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o)
	b := booking("ada")
	handle(t, s, changed(t, events.TypeBookingItemsCancelled, b, 6, inPart))
	handle(t, s, changed(t, events.TypeBookingItemsCancelled, b, 4, inPart))
	run(t, s)
	eventually(t, "both are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	mails, _ := o.sent()
	remains := 0
	for _, m := range mails {
		if strings.Contains(m.Text, "What remains") && strings.Contains(m.HTML, "What remains") && strings.Contains(m.Text, "stands") {
			remains++
		}
	}
	if remains != 1 {
		t.Errorf("%d of two mails say what remains, want 1", remains)
	}
}

func TestTheMailHasTheCalendarAndTheSMSHasNot(t *testing.T) {
	t.Parallel()
	o := &outside{contact: notification.Contact{Phone: "+4930123456"}}
	s := newService(t, o, func(o *notification.Options) { o.Organizer = "tickets@boxoffice.example" })
	run(t, s)
	b := booking("ada")
	for i, m := range []events.Message{
		changed(t, events.TypeBookingConfirmed, b, 2, func(*events.Booking) {}),
		changed(t, events.TypeBookingItemsCancelled, b, 4, inPart),
		changed(t, events.TypeBookingCancelled, b, 6, inPart),
	} {
		handle(t, s, m)
		eventually(t, "a mail and an SMS more are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2*(i+1) })
	}
	mails, _ := o.sent()
	for _, m := range mails {
		want := map[string]string{"Booking confirmed: Concert": "PUBLISH", "Booking cancelled: Concert": "CANCEL"}[m.Subject]
		if want == "" {
			if len(m.Attachments) > 0 {
				t.Errorf("%q has the attachment %q", m.Subject, m.Attachments[0].Name)
			}
			continue
		}
		if len(m.Attachments) != 1 {
			t.Fatalf("%q has %d attachments", m.Subject, len(m.Attachments))
		}
		entry := m.Attachments[0]
		if entry.Name != "boxoffice-"+events.Reference(b.BookingID)+".ics" || entry.Type != "text/calendar; charset=utf-8; method="+want {
			t.Errorf("%q has %q of type %q", m.Subject, entry.Name, entry.Type)
		}
		for _, line := range []string{"METHOD:" + want, "ORGANIZER;CN=Boxoffice:mailto:tickets@boxoffice.example", "UID:" + b.BookingID + "@boxoffice"} {
			if !strings.Contains(entry.Body, "\r\n"+line+"\r\n") {
				t.Errorf("%q has not the line %q:\n%s", m.Subject, line, entry.Body)
			}
		}
	}
	for _, n := range all(t, s) {
		if n.Channel == notification.SMS && n.Calendar != "" {
			t.Errorf("an SMS has the calendar %q", n.Calendar)
		}
	}
}

func TestPermanentRefusalsFailAtOnceAndOthersAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err      error
		attempts int
		reason   string
	}{
		{&notification.SendError{Reason: "refused", Permanent: true}, 1, "refused"},
		{&notification.SendError{Reason: "busy"}, 3, "busy"},
		{errors.New("something about ada@example.com"), 3, "the attempt did not succeed"},
	} {
		o := &outside{mailErr: test.err}
		s := newService(t, o, func(o *notification.Options) { o.MaxAttempts = 3 })
		run(t, s)
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		eventually(t, "the mail is FAILED", func() bool { return statuses(t, s)[notification.Failed] == 1 })
		if n := all(t, s)[0]; n.Attempts != test.attempts || n.Error != test.reason || !n.SentAt.IsZero() {
			t.Errorf("%v: it is %+v, want %d attempts and %q", test.err, n, test.attempts, test.reason)
		}
	}
}

func TestWithoutAWorkerNothingIsLost(t *testing.T) {
	t.Parallel()
	o := &outside{mailErr: errors.New("down")}
	s := newService(t, o)
	stop := run(t, s)
	for range 10 {
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	eventually(t, "every mail was tried", func() bool {
		for _, n := range all(t, s) {
			if n.Attempts == 0 {
				return false
			}
		}
		return true
	})
	stop()
	o.set(func(o *outside) { o.mailErr = nil })
	run(t, s)
	eventually(t, "all are SENT", func() bool { return statuses(t, s)[notification.Sent] == 10 })
	if mails, _ := o.sent(); len(mails) != 10 {
		t.Errorf("%d mails for 10 bookings", len(mails))
	}
}

func TestSendTest(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o) // no worker runs: the call itself sends
	n, err := s.SendTest(t.Context(), admin)
	if err != nil || n.Status != notification.Sent || n.To != admin.Email || n.Attempts != 1 {
		t.Fatalf("SendTest = %+v, %v", n, err)
	}
	o.set(func(o *outside) { o.mailErr = &notification.SendError{Reason: "busy"} })
	n, err = s.SendTest(t.Context(), admin)
	if err != nil || n.Status != notification.Pending || n.Error != "busy" || n.Attempts != 1 {
		t.Fatalf("with a mail server that is busy: %+v, %v", n, err)
	}
	o.set(func(o *outside) { o.mailErr = nil })
	run(t, s)
	eventually(t, "both are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
}

func TestListsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	s := newService(t, &outside{})
	mine, other := booking("ada"), booking("bob")
	handle(t, s, message(t, events.TypeBookingConfirmed, mine))
	handle(t, s, message(t, events.TypeBookingConfirmed, other))
	for _, test := range []struct {
		caller identity.Caller
		f      notification.Filter
		want   int
	}{
		{identity.Caller{UserID: "ada", Role: identity.Customer}, notification.Filter{}, 1},
		{identity.Caller{UserID: "ada", Role: identity.Customer}, notification.Filter{UserID: "bob"}, 1},
		{identity.Caller{UserID: "ada", Role: identity.Organizer}, notification.Filter{BookingID: other.BookingID}, 0},
		{identity.Caller{Role: identity.Customer}, notification.Filter{}, 0},
		{admin, notification.Filter{}, 2},
	} {
		test.f.Limit = 10
		ns, err := s.List(t.Context(), test.caller, test.f)
		if err != nil || len(ns) != test.want {
			t.Errorf("%+v with %+v sees %d (%v), want %d", test.caller, test.f, len(ns), err, test.want)
		}
		for _, n := range ns {
			if !test.caller.Owns(n.UserID) {
				t.Errorf("%s sees what belongs to %s", test.caller.UserID, n.UserID)
			}
		}
	}
}

// What fails over and over does not stay before what has come since.
func TestARetryTakesItsTurnAnew(t *testing.T) {
	t.Parallel()
	o, c := &outside{}, &clock{now: time.Now()}
	o.mailErr = &notification.SendError{Reason: "busy"}
	s := newService(t, o, func(o *notification.Options) { o.Now = c.Now })
	stop := run(t, s)
	first := c.Now().UnixMicro()
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "it is tried in vain", func() bool { return all(t, s)[0].Attempts > 0 })
	stop()
	if turn := all(t, s)[0].Turn; turn <= first {
		t.Errorf("its turn is %d, as before the attempt", turn)
	}
}

// Whoever has many events has no more turns than others.
func TestAnOrganizersEventsShareTheirTurns(t *testing.T) {
	t.Parallel()
	s := newService(t, &outside{})
	for range 20 {
		b := booking("ada")
		b.Event.ID, b.Event.OrganizerID = uuid.NewString(), "organizer"
		handle(t, s, message(t, events.TypeBookingConfirmed, b))
	}
	sent := all(t, s) // the newest first
	if step := time.Duration(sent[0].Turn-sent[len(sent)-1].Turn) * time.Microsecond; step < 19*50*time.Millisecond {
		t.Errorf("the turns of 20 events lie within %s, want at least 950ms", step)
	}
}

// countingMailer counts the attempts, and fails as outside has it.
type countingMailer struct {
	notification.Mailer
	attempts *atomic.Int64
}

func (c countingMailer) Send(ctx context.Context, m notification.Mail) error {
	c.attempts.Add(1)
	return c.Mailer.Send(ctx, m)
}

// A loop of free bookings with a stranger's address reaches it a few times an
// hour, by whatever account and spelling; what is about money always goes out.
func TestFreeBookingsMailOneAddressAFewTimesAnHour(t *testing.T) {
	t.Parallel()
	o := &outside{contact: notification.Contact{Phone: "+4915112345678"}}
	log := &lines{}
	c := &clock{now: time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)}
	s := newService(t, o, func(o *notification.Options) {
		o.Now, o.RecipientQuota, o.AccountQuota = c.Now, 3, 5
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	stop := run(t, s)
	free := func(user, address string) events.Message {
		b := booking(user)
		b.UserEmail, b.Items, b.Total = address, slices.Clone(b.Items), money.Amount{Currency: "EUR"}
		b.Items[0].UnitPrice = b.Total
		return message(t, events.TypeBookingConfirmed, b)
	}
	for i := range 20 {
		m := free([]string{"u1", "u2"}[i%2], []string{"ada@example.com", "Ada+1@EXAMPLE.com"}[i%2])
		handle(t, s, m)
		handle(t, s, m) // it comes again
	}
	if got := statuses(t, s)[notification.Failed]; got != 17 {
		t.Errorf("%d of 20 free bookings are FAILED, want all but 3", got)
	}
	for i := range 20 { // to ever other addresses
		handle(t, s, free("u3", uuid.NewString()+"@example.com"))
		if i == 10 {
			c.pass(notification.QuotaPeriod)
		}
	}
	paid := booking("u1")
	paid.UserEmail = "ada@example.com"
	handle(t, s, message(t, events.TypeBookingConfirmed, paid))
	gone := booking("u1")
	gone.UserEmail, gone.Refunded, gone.Reason = "ada@example.com", gone.Total, "event_cancelled"
	handle(t, s, message(t, events.TypeBookingCancelled, gone))
	eventually(t, "all else is sent", func() bool {
		_, texts := o.sent()
		return len(texts) == 2 && statuses(t, s)[notification.Pending] == 0
	})
	stop()
	mails, texts := o.sent()
	if len(mails) != 3+5+5+2 || len(texts) != 2 {
		t.Errorf("%d mails and %d SMS, want 15, of which 2 are about money, and 2", len(mails), len(texts))
	}
	got := log.buf.String()
	if !strings.Contains(got, notification.OverQuota) {
		t.Error("the log does not tell of what was not sent")
	}
	if strings.Contains(strings.ToLower(got), "ada@") {
		t.Error("the log has the address")
	}
}

// Of a free booking that is cancelled ticket by ticket each mail counts.
func TestAFreeBookingCancelledTicketByTicketKeepsToTheQuota(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o)
	stop := run(t, s)
	b := booking("stranger")
	b.Total = money.Amount{Currency: "EUR"}
	b.Items = []events.Item{{Name: "Stalls", Quantity: 20, UnitPrice: b.Total}}
	handle(t, s, message(t, events.TypeBookingConfirmed, b))
	eventually(t, "the booking is told", func() bool { return statuses(t, s)[notification.Sent] == 1 }) // the cancellation outdates it
	for range 19 {
		b.Version++
		b.Cancellation = &events.Cancellation{
			ID: uuid.NewString(), Items: []events.Item{{Name: "Stalls", Quantity: 1, UnitPrice: b.Total}},
			Price: b.Total, Refund: b.Total, Fee: b.Total,
		}
		handle(t, s, message(t, events.TypeBookingItemsCancelled, b))
	}
	b.Version++
	handle(t, s, message(t, events.TypeBookingCancelled, b))
	eventually(t, "all that may be sent is", func() bool { return statuses(t, s)[notification.Pending] == 0 })
	stop()
	if mails, _ := o.sent(); len(mails) != 11 {
		t.Errorf("%d mails, want 10 and the one that the rest is cancelled", len(mails))
	}
}

// Whoever cancels a paid booking ticket by ticket gets a mail about each, for each is
// money, and few SMS: nobody has proven that the number is theirs.
func TestCancellationsInPartSendFewSMS(t *testing.T) {
	t.Parallel()
	o := &outside{contact: notification.Contact{Phone: "+4915112345678"}}
	s := newService(t, o)
	stop := run(t, s)
	b := booking("stranger")
	handle(t, s, message(t, events.TypeBookingConfirmed, b))
	eventually(t, "the booking is told", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	for range 19 {
		b.Version++
		inPart(&b)
		handle(t, s, message(t, events.TypeBookingItemsCancelled, b))
	}
	eventually(t, "all is sent", func() bool {
		mails, texts := o.sent()
		return len(mails) == 20 && len(texts) >= 6 && statuses(t, s)[notification.Pending] == 0
	})
	stop()
	if mails, texts := o.sent(); len(mails) != 20 || len(texts) != 6 {
		t.Errorf("%d mails and %d SMS, want 20 and 6, of which the confirmation is one", len(mails), len(texts))
	}
}

// Whoever uses up the quota of an address keeps no news about another's booking from it.
func TestAQuotaStopsNoNewsAboutABookingThatWasConfirmed(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o)
	stop := run(t, s)
	free := func(user, address string) events.Booking {
		b := booking(user)
		b.UserEmail, b.Items, b.Total = address, slices.Clone(b.Items), money.Amount{Currency: "EUR"}
		b.Items[0].UnitPrice = b.Total
		return b
	}
	hers := free("ada", "ada@example.com")
	handle(t, s, message(t, events.TypeBookingConfirmed, hers))
	for i := range 20 {
		handle(t, s, message(t, events.TypeBookingConfirmed, free("stranger", fmt.Sprintf("ada+%d@example.com", i))))
	}
	hers.Version, hers.Reason = 3, "event_cancelled"
	handle(t, s, message(t, events.TypeBookingCancelled, hers))
	var news []notification.Notification
	eventually(t, "her news is decided upon", func() bool {
		news = slices.DeleteFunc(all(t, s), func(n notification.Notification) bool { return n.BookingID != hers.BookingID })
		return len(news) == 2 && !news[0].Status.Open() && !news[1].Status.Open()
	})
	stop()
	if news[0].Status != notification.Sent {
		t.Errorf("that the event is cancelled is %s (%s), want SENT", news[0].Status, news[0].Error)
	}
	if got := statuses(t, s)[notification.Failed]; got != 11 {
		t.Errorf("%d of the stranger's 20 are FAILED, want all but the 9 that the quota leaves", got)
	}
}
