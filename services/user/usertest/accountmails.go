package usertest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/user"
)

// AccountMailsUnderTest is a user.AccountMails with the users to whom the mails go.
type AccountMailsUnderTest struct {
	user.AccountMails
	Users user.Users
	// Outbox has the messages about them.
	Outbox outbox.Store
}

// TestAccountMails is the contract of user.AccountMails. open returns an empty
// store.
func TestAccountMails(t *testing.T, open func(t *testing.T) AccountMailsUnderTest) {
	run(t, open, []subtest[AccountMailsUnderTest]{
		{"a mail is stored whole with its message", mailsWhole},
		{"of those with one purpose and address the first is kept", mailsRequestedTwice},
		{"those that have waited longest come first", mailsOrder},
		{"decide is told of recent mails", mailsRecent},
		{"mails to one mailbox count, whoever asks", mailsToAMailbox},
		{"of many who send to one mailbox each is told of the others", mailsSendRace},
		{"of many requests for one mailbox each is told of the others", mailsWorkOffRace},
		{"with a nil mail the request ends", mailsNone},
		{"an address that nobody has ends the request", mailsNobody},
		{"an error from decide stores nothing", mailsDecideFails},
		{"of many at once each request is decided on once", mailsRace},
		{"an unknown mail is not valid", mailsUnknown},
		{"a mail is outdated by one that is stored later", mailsOutdated},
		{"of many stored at once one is not outdated", mailsOutdatedRace},
		{"use stores what change makes and marks the mail", mailsUse},
		{"an error from change stores nothing", mailsUseFails},
		{"of many uses each sees what the others have stored", mailsUseRace},
		{"id and creation time stay", mailsUseKeeps},
		{"use gives another address", mailsUseEmail},
		{"an address that is taken stores nothing", mailsUseTaken},
		{"use stores the mail that change returns", mailsUseSends},
		{"use is told of the mails to the mailbox that is replaced", mailsUseTold},
		{"of many uses each is told of the mails to its mailbox", mailsUseToldRace},
		{"a try counts at the newest mail", mailsTry},
		{"of many tries each has another count", mailsTryRace},
		{"send stores the mail with its message", mailsSend},
		{"an error from make stores nothing", mailsSendFails},
		{"prune forgets what has expired", mailsPrune},
		{"an ended context changes nothing", mailsCancelled},
	})
}

// account stores a user who has never proven the address.
func (s AccountMailsUnderTest) account(t *testing.T, email string) user.User {
	t.Helper()
	u := newUser(email)
	u.EmailVerifiedAt = time.Time{}
	must(t, s.Users.Create(t.Context(), u))
	return u
}

// since is a span from t on, without it.
func since(t time.Time) user.Span { return user.Span{After: t, Before: t.Add(24 * time.Hour)} }

func request(p user.Purpose, email string, at time.Time) user.MailRequest {
	return user.MailRequest{Purpose: p, Email: email, At: inUTC(at), TraceParent: "00-1-2-01"}
}

func (s AccountMailsUnderTest) request(t *testing.T, p user.Purpose, email string, at time.Time) user.MailRequest {
	t.Helper()
	r := request(p, email, at)
	must(t, s.Request(t.Context(), r))
	return r
}

func newMail(r user.MailRequest, u user.User) user.AccountMail {
	return user.AccountMail{
		ID: id(), Purpose: r.Purpose, UserID: u.ID, Email: u.Email, Replaces: "Füße@example.com", PasswordVersion: u.PasswordVersion, Secret: []byte{0, 255, 7},
		CreatedAt: inUTC(at), ExpiresAt: inUTC(at.Add(time.Hour)),
	}
}

func messageOf(m user.AccountMail) events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: m.ID, Source: "user", Type: events.TypeAccountMail, Subject: m.UserID,
		Time: m.CreatedAt, DataContentType: "application/json", Data: []byte(`{}`),
	}
}

// workOff decides on all requests, and returns the mails in the order in which they
// were decided on.
func (s AccountMailsUnderTest) workOff(t *testing.T) (mails []user.AccountMail) {
	t.Helper()
	for {
		var made []user.AccountMail // decide may be called again
		n, err := s.WorkOff(t.Context(), since(at.Add(-time.Hour)), 10, func(r user.MailRequest, u user.User, _ int) (*user.AccountMail, events.Message, error) {
			m := newMail(r, u)
			made = append(made, m)
			return &m, messageOf(m), nil
		})
		must(t, err)
		mails = append(mails, made...)
		if n == 0 {
			return mails
		}
	}
}

// mail stores a mail to u.
func (s AccountMailsUnderTest) mail(t *testing.T, u user.User) user.AccountMail {
	t.Helper()
	s.request(t, user.Verification, u.Email, at)
	mails := s.workOff(t)
	if len(mails) != 1 {
		t.Fatalf("%d mails, want 1", len(mails))
	}
	return mails[0]
}

func (s AccountMailsUnderTest) messages(t *testing.T) []string {
	t.Helper()
	late := at.Add(24 * time.Hour)
	entries, err := s.Outbox.Claim(t.Context(), late, late, 1000)
	must(t, err)
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.Message.ID)
	}
	return ids
}

func mailsWhole(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "Ada@Example.com")
	s.account(t, "other@example.com")
	asked := s.request(t, user.PasswordReset, "ADA@example.com", at)
	want := newMail(asked, u)
	n, err := s.WorkOff(t.Context(), since(at), 10, func(r user.MailRequest, given user.User, _ int) (*user.AccountMail, events.Message, error) {
		diff(t, asked, r)
		diff(t, stored(u), given)
		return &want, messageOf(want), nil
	})
	must(t, err)
	if n != 1 {
		t.Errorf("%d requests were decided on, want 1", n)
	}
	m, owner, err := s.Get(t.Context(), want.ID)
	must(t, err)
	diff(t, want, m)
	diff(t, stored(u), owner)
	diff(t, []string{want.ID}, s.messages(t))
	if more := s.workOff(t); len(more) != 0 {
		t.Errorf("the request has not ended: %+v", more)
	}
}

func mailsRequestedTwice(t *testing.T, s AccountMailsUnderTest) {
	s.account(t, "ada@example.com")
	for i, email := range []string{"ada@example.com", "ADA@EXAMPLE.COM", "ada@example.com"} {
		s.request(t, user.Verification, email, at.Add(time.Duration(i)*time.Second))
	}
	s.request(t, user.PasswordReset, "ada@example.com", at.Add(time.Minute))
	var purposes []user.Purpose
	for _, m := range s.workOff(t) {
		purposes = append(purposes, m.Purpose)
	}
	diff(t, []user.Purpose{user.Verification, user.PasswordReset}, purposes)
	s.request(t, user.Verification, "ada@example.com", at.Add(time.Hour))
	if again := s.workOff(t); len(again) != 1 {
		t.Errorf("%d mails for a request after the first was decided on, want 1", len(again))
	}
}

func mailsOrder(t *testing.T, s AccountMailsUnderTest) {
	for i, name := range []string{"c", "a", "b"} {
		s.account(t, name+"@example.com")
		s.request(t, user.Verification, name+"@example.com", at.Add(time.Duration(i)*time.Second))
	}
	var got []string
	for {
		n, err := s.WorkOff(t.Context(), since(at), 2, func(r user.MailRequest, _ user.User, _ int) (*user.AccountMail, events.Message, error) {
			got = append(got, r.Email)
			return nil, events.Message{}, nil
		})
		must(t, err)
		if n > 2 {
			t.Errorf("%d requests were decided on at once, want 2 at most", n)
		}
		if n == 0 {
			break
		}
	}
	diff(t, []string{"c@example.com", "a@example.com", "b@example.com"}, got)
}

func mailsRecent(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	s.mail(t, s.account(t, "other@example.com"))
	for i := range 3 {
		for within, want := range map[user.Span]int{
			{After: at.Add(-time.Microsecond), Before: at.Add(time.Microsecond)}: i,
			{After: at, Before: at.Add(time.Hour)}:                               0,
			{After: at.Add(-time.Hour), Before: at}:                              0, // the clock was ahead
		} {
			s.request(t, user.Verification, u.Email, at)
			got := -1
			_, err := s.WorkOff(t.Context(), within, 10, func(_ user.MailRequest, _ user.User, recent int) (*user.AccountMail, events.Message, error) {
				got = recent
				return nil, events.Message{}, nil
			})
			must(t, err)
			if got != want {
				t.Errorf("%d recent mails of %d, want %d", got, i, want)
			}
		}
		s.mail(t, u)
		s.request(t, user.PasswordReset, u.Email, at) // of another purpose
		s.workOff(t)
	}
}

func mailsNone(t *testing.T, s AccountMailsUnderTest) {
	s.account(t, "ada@example.com")
	s.request(t, user.Verification, "ada@example.com", at)
	decide := func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error) {
		return nil, events.Message{}, nil
	}
	for _, want := range []int{1, 0} {
		n, err := s.WorkOff(t.Context(), since(at), 10, decide)
		must(t, err)
		if n != want {
			t.Errorf("%d requests were decided on, want %d", n, want)
		}
	}
	if ids := s.messages(t); len(ids) != 0 {
		t.Errorf("the messages %v about no mail", ids)
	}
}

func mailsNobody(t *testing.T, s AccountMailsUnderTest) {
	s.request(t, user.Verification, "nobody@example.com", at)
	for _, want := range []int{1, 0} {
		n, err := s.WorkOff(t.Context(), since(at), 10, func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error) {
			t.Error("decide is called for nobody")
			return nil, events.Message{}, nil
		})
		must(t, err)
		if n != want {
			t.Errorf("%d requests were decided on, want %d", n, want)
		}
	}
}

func mailsDecideFails(t *testing.T, s AccountMailsUnderTest) {
	for _, name := range []string{"a", "b"} {
		s.account(t, name+"@example.com")
		s.request(t, user.Verification, name+"@example.com", at)
	}
	boom := errors.New("boom")
	calls := 0
	_, err := s.WorkOff(t.Context(), since(at), 10, func(r user.MailRequest, u user.User, _ int) (*user.AccountMail, events.Message, error) {
		if calls++; calls%2 == 0 {
			return nil, events.Message{}, boom
		}
		m := newMail(r, u)
		return &m, messageOf(m), nil
	})
	wantErr(t, err, boom)
	if ids := s.messages(t); len(ids) != 0 {
		t.Errorf("the messages %v are stored", ids)
	}
	if mails := s.workOff(t); len(mails) != 2 {
		t.Errorf("%d requests are left, want 2", len(mails))
	}
}

func mailsRace(t *testing.T, s AccountMailsUnderTest) {
	const requests = 40
	for i := range requests {
		email := fmt.Sprint("user", i, "@example.com")
		s.account(t, email)
		s.request(t, user.Verification, email, at)
	}
	var mu sync.Mutex
	total := 0
	race(t, nil, func(int) error {
		for range requests {
			n, err := s.WorkOff(t.Context(), since(at), 3, func(r user.MailRequest, u user.User, _ int) (*user.AccountMail, events.Message, error) {
				m := newMail(r, u)
				return &m, messageOf(m), nil
			})
			if err != nil {
				return err
			}
			mu.Lock()
			total += n
			mu.Unlock()
		}
		return nil
	})
	if ids := s.messages(t); total != requests || len(ids) != requests {
		t.Errorf("%d requests were decided on, with %d messages, want %d", total, len(ids), requests)
	}
}

func mailsUnknown(t *testing.T, s AccountMailsUnderTest) {
	s.mail(t, s.account(t, "ada@example.com"))
	for _, unknown := range []string{id(), "", "\x00", "\xff"} {
		_, _, err := s.Get(t.Context(), unknown)
		wantErr(t, err, user.ErrLinkNotValid)
		_, err = s.Use(t.Context(), unknown, at, since(at), changing(func(user.AccountMail, *user.User) error { t.Error("change is called for nobody"); return nil }))
		wantErr(t, err, user.ErrLinkNotValid)
	}
}

func mailsOutdated(t *testing.T, s AccountMailsUnderTest) {
	ada, bob := s.account(t, "ada@example.com"), s.account(t, "bob@example.com")
	verification := s.mail(t, ada)
	first, others := s.code(t, ada, at), s.code(t, bob, at)
	second := s.code(t, ada, at.Add(-time.Hour)) // the clock was set back
	third := s.code(t, ada, at.Add(-time.Hour))
	for what, m := range map[string]struct {
		id   string
		want bool
	}{
		"one of another purpose":     {verification.ID, false},
		"one of another user":        {others.ID, false},
		"the first":                  {first.ID, true},
		"the second":                 {second.ID, true},
		"the third, which is newest": {third.ID, false},
	} {
		got, _, err := s.Get(t.Context(), m.id)
		must(t, err)
		if got.Outdated != m.want {
			t.Errorf("%s is outdated: %v, want %v", what, got.Outdated, m.want)
		}
	}
}

func mailsOutdatedRace(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	ids := make([]string, workers)
	race(t, nil, func(worker int) error {
		return s.Send(t.Context(), u.ID, user.EmailChange, fmt.Sprint("user", worker, "@example.com"), since(at), func(u user.User, _ int) (*user.AccountMail, events.Message, error) {
			m := newMail(user.MailRequest{Purpose: user.EmailChange}, u)
			ids[worker] = m.ID
			return &m, messageOf(m), nil
		})
	})
	newest := 0
	for _, id := range ids {
		m, _, err := s.Get(t.Context(), id)
		must(t, err)
		if !m.Outdated {
			newest++
		}
	}
	if newest != 1 {
		t.Errorf("%d mails are not outdated, want 1", newest)
	}
}

func mailsUse(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	m, other := s.mail(t, u), s.mail(t, u)
	m.Outdated = true
	want := stored(u)
	want.EmailVerifiedAt, want.PasswordHash, want.PasswordVersion, want.UpdatedAt = inUTC(at.Add(time.Minute)), "another", 4, inUTC(at.Add(time.Minute))
	got, err := s.Use(t.Context(), m.ID, at.Add(time.Minute), since(at), changing(func(given user.AccountMail, u *user.User) error {
		diff(t, m, given)
		u.EmailVerifiedAt, u.PasswordHash, u.PasswordVersion, u.UpdatedAt = at.Add(time.Minute), "another", 4, at.Add(time.Minute)
		return nil
	}))
	must(t, err)
	diff(t, want, got)
	used, owner, err := s.Get(t.Context(), m.ID)
	must(t, err)
	m.UsedAt = inUTC(at.Add(time.Minute))
	diff(t, m, used)
	diff(t, want, owner)
	unused, _, err := s.Get(t.Context(), other.ID)
	must(t, err)
	diff(t, other, unused)
}

func mailsUseFails(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	m := s.mail(t, u)
	boom := errors.New("boom")
	_, err := s.Use(t.Context(), m.ID, at, since(at), changing(func(_ user.AccountMail, u *user.User) error { u.Name = "changed"; return boom }))
	wantErr(t, err, boom)
	got, owner, err := s.Get(t.Context(), m.ID)
	must(t, err)
	diff(t, m, got)
	diff(t, stored(u), owner)
}

func mailsUseRace(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	mails := []user.AccountMail{s.mail(t, u), s.mail(t, u)}
	used := errors.New("used")
	won := race(t, used, func(worker int) error {
		_, err := s.Use(t.Context(), mails[worker%2].ID, at, since(at), changing(func(m user.AccountMail, u *user.User) error {
			if !m.UsedAt.IsZero() {
				return used
			}
			u.PasswordVersion++
			return nil
		}))
		return err
	})
	got, err := s.Users.Get(t.Context(), u.ID)
	must(t, err)
	if won != 2 || got.PasswordVersion != u.PasswordVersion+2 {
		t.Errorf("%d uses of two mails, version %d after %d", won, got.PasswordVersion, u.PasswordVersion)
	}
}

func mailsUseKeeps(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	m := s.mail(t, u)
	got, err := s.Use(t.Context(), m.ID, at, since(at), changing(func(_ user.AccountMail, u *user.User) error {
		u.ID, u.CreatedAt = id(), at.Add(time.Hour)
		return nil
	}))
	must(t, err)
	diff(t, stored(u), got)
	_, owner, err := s.Get(t.Context(), m.ID)
	must(t, err)
	diff(t, stored(u), owner)
}

// code sends a code to u, and returns the mail that has it.
func (s AccountMailsUnderTest) code(t *testing.T, u user.User, made time.Time) (m user.AccountMail) {
	t.Helper()
	must(t, s.Send(t.Context(), u.ID, user.PhoneChange, "+4915112345678", since(at), func(u user.User, _ int) (*user.AccountMail, events.Message, error) {
		m = newMail(user.MailRequest{Purpose: user.PhoneChange}, u)
		m.Email, m.CreatedAt = "+4915112345678", inUTC(made)
		return &m, messageOf(m), nil
	}))
	return m
}

func mailsTry(t *testing.T, s AccountMailsUnderTest) {
	u, other := s.account(t, "ada@example.com"), s.account(t, "bob@example.com")
	s.mail(t, u) // of another purpose
	for _, nobody := range []string{u.ID, id(), "", "\x00"} {
		_, err := s.Try(t.Context(), nobody, user.PhoneChange)
		wantErr(t, err, user.ErrLinkNotValid)
	}
	old, newest, others := s.code(t, u, at), s.code(t, u, at.Add(-time.Hour)), s.code(t, other, at.Add(time.Minute)) // the clock was set back
	old.Outdated = true
	for range 3 {
		newest.Tries++
		got, err := s.Try(t.Context(), u.ID, user.PhoneChange)
		must(t, err)
		diff(t, newest, got)
	}
	for _, want := range []user.AccountMail{newest, old, others} {
		got, _, err := s.Get(t.Context(), want.ID)
		must(t, err)
		diff(t, want, got)
	}
}

func mailsTryRace(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	s.code(t, u, at)
	var mu sync.Mutex
	counts := map[int]bool{}
	race(t, nil, func(int) error {
		m, err := s.Try(t.Context(), u.ID, user.PhoneChange)
		mu.Lock()
		defer mu.Unlock()
		counts[m.Tries] = true
		return err
	})
	if len(counts) != workers {
		t.Errorf("%d tries at once have %d counts", workers, len(counts))
	}
}

func mailsPrune(t *testing.T, s AccountMailsUnderTest) {
	m := s.mail(t, s.account(t, "ada@example.com"))
	must(t, s.Prune(t.Context(), m.ExpiresAt))
	_, _, err := s.Get(t.Context(), m.ID)
	must(t, err)
	must(t, s.Prune(t.Context(), m.ExpiresAt.Add(time.Microsecond)))
	_, _, err = s.Get(t.Context(), m.ID)
	wantErr(t, err, user.ErrLinkNotValid)
}

func mailsCancelled(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	m := s.mail(t, u)
	s.request(t, user.PasswordReset, u.Email, at)
	ctx := cancelled(t)
	wantErr(t, s.Request(ctx, request(user.Verification, u.Email, at)), ctx.Err())
	_, err := s.WorkOff(ctx, since(at), 10, func(r user.MailRequest, u user.User, _ int) (*user.AccountMail, events.Message, error) {
		m := newMail(r, u)
		return &m, messageOf(m), nil
	})
	wantErr(t, err, ctx.Err())
	_, _, err = s.Get(ctx, m.ID)
	wantErr(t, err, ctx.Err())
	_, err = s.Use(ctx, m.ID, at, since(at), changing(func(user.AccountMail, *user.User) error { return nil }))
	wantErr(t, err, ctx.Err())
	wantErr(t, s.Send(ctx, u.ID, user.EmailChange, u.Email, since(at), sending), ctx.Err())
	_, err = s.Try(ctx, u.ID, m.Purpose)
	wantErr(t, err, ctx.Err())
	wantErr(t, s.Prune(ctx, at.Add(9*time.Hour)), ctx.Err())
	got, _, err := s.Get(t.Context(), m.ID)
	must(t, err)
	diff(t, m, got)
	if ids := s.messages(t); !slices.Equal(ids, []string{m.ID}) {
		t.Errorf("messages %v, want that of %s", ids, m.ID)
	}
	if left := s.workOff(t); len(left) != 1 || left[0].Purpose != user.PasswordReset {
		t.Errorf("requests left: %+v, want that for a reset", left)
	}
}

// changing is a change of Use that leads to no mail.
func changing(change func(m user.AccountMail, u *user.User) error) func(user.AccountMail, *user.User, int) (*user.AccountMail, events.Message, error) {
	return func(m user.AccountMail, u *user.User, _ int) (*user.AccountMail, events.Message, error) {
		return nil, events.Message{}, change(m, u)
	}
}

// sending makes a mail for Send.
func sending(u user.User, _ int) (*user.AccountMail, events.Message, error) {
	m := newMail(user.MailRequest{Purpose: user.EmailChange}, u)
	return &m, messageOf(m), nil
}

func mailsUseEmail(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	m := s.mail(t, u)
	for _, email := range []string{"New@Example.com", "new@example.com"} { // the second is another spelling
		got, err := s.Use(t.Context(), m.ID, at, since(at), changing(func(_ user.AccountMail, u *user.User) error { u.Email = email; return nil }))
		must(t, err)
		want := stored(u)
		want.Email = email
		diff(t, want, got)
		got, err = s.Users.ByEmail(t.Context(), "NEW@example.com")
		must(t, err)
		diff(t, want, got)
	}
	_, err := s.Users.ByEmail(t.Context(), u.Email)
	wantErr(t, err, user.ErrNotFound)
	must(t, s.Users.Create(t.Context(), newUser(u.Email)))
}

func mailsUseTaken(t *testing.T, s AccountMailsUnderTest) {
	u, other := s.account(t, "ada@example.com"), s.account(t, "bob@example.com")
	m := s.mail(t, u)
	_, err := s.Use(t.Context(), m.ID, at, since(at), changing(func(_ user.AccountMail, u *user.User) error {
		u.Email, u.Name = "BOB@example.com", "changed"
		return nil
	}))
	wantErr(t, err, user.ErrEmailTaken)
	unused, owner, err := s.Get(t.Context(), m.ID)
	must(t, err)
	diff(t, m, unused)
	diff(t, stored(u), owner)
	got, err := s.Users.ByEmail(t.Context(), "bob@example.com")
	must(t, err)
	diff(t, stored(other), got)
}

func mailsUseSends(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	m := s.mail(t, u)
	var next user.AccountMail
	_, err := s.Use(t.Context(), m.ID, at, since(at), func(_ user.AccountMail, u *user.User, _ int) (*user.AccountMail, events.Message, error) {
		next = newMail(user.MailRequest{Purpose: user.EmailChanged}, *u)
		return &next, messageOf(next), nil
	})
	must(t, err)
	got, _, err := s.Get(t.Context(), next.ID)
	must(t, err)
	diff(t, next, got)
	diff(t, []string{m.ID, next.ID}, s.messages(t))
}

// notice stores a mail about the change that a use of m makes, which replaces an address
// of a mailbox, and returns what the use is told.
func (s AccountMailsUnderTest) notice(t *testing.T, m user.AccountMail, within user.Span, replaced string) (told int) {
	t.Helper()
	_, err := s.Use(t.Context(), m.ID, at, within, func(_ user.AccountMail, u *user.User, n int) (*user.AccountMail, events.Message, error) {
		told = n
		next := newMail(user.MailRequest{Purpose: user.EmailChanged}, *u)
		next.Email = replaced
		return &next, messageOf(next), nil
	})
	must(t, err)
	return told
}

func mailsUseTold(t *testing.T, s AccountMailsUnderTest) {
	before := since(at.Add(-time.Microsecond))
	m := func(name string) user.AccountMail { return s.mail(t, s.account(t, name+"@example.com")) } // each replaces füße@example.com
	for i, email := range []string{"füße@example.com", "Füße+1@example.com", "another@example.com", "füße@example.com"} {
		if told, want := s.notice(t, m(fmt.Sprint("user", i)), before, email), []int{0, 1, 2, 2}[i]; told != want {
			t.Errorf("use %d is told of %d mails, want %d", i, told, want)
		}
	}
	if told := s.notice(t, m("late"), since(at), "another@example.com"); told != 0 {
		t.Errorf("a use is told of %d mails since then, want none", told)
	}
	u := s.account(t, "nothing@example.com")
	s.request(t, user.Verification, u.Email, at)
	var alone user.AccountMail
	_, err := s.WorkOff(t.Context(), since(at), 10, func(r user.MailRequest, u user.User, _ int) (*user.AccountMail, events.Message, error) {
		alone = newMail(r, u)
		alone.Replaces = ""
		return &alone, messageOf(alone), nil
	})
	must(t, err)
	if told := s.notice(t, alone, before, "füße@example.com"); told != 0 {
		t.Errorf("where nothing is replaced a use is told of %d mails, want none", told)
	}
}

// mailsUseToldRace lets accounts leave addresses of one mailbox at once, which takes one
// mail.
func mailsUseToldRace(t *testing.T, s AccountMailsUnderTest) {
	var mails []user.AccountMail
	for i := range workers {
		mails = append(mails, s.mail(t, s.account(t, fmt.Sprint("user", i, "@example.com"))))
	}
	full := errors.New("full")
	won := race(t, full, func(worker int) error {
		_, err := s.Use(t.Context(), mails[worker].ID, at, since(at.Add(-time.Microsecond)), func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
			if told > 0 {
				return nil, events.Message{}, full
			}
			next := newMail(user.MailRequest{Purpose: user.EmailChanged}, *u)
			next.Email = m.Replaces
			return &next, messageOf(next), nil
		})
		return err
	})
	if won != 1 {
		t.Errorf("%d mails to a mailbox that takes one", won)
	}
}

func mailsSend(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	s.mail(t, u) // of another purpose
	var sent []string
	for i := range 3 {
		var made user.AccountMail
		must(t, s.Send(t.Context(), u.ID, user.EmailChange, u.Email, since(at.Add(-time.Microsecond)), func(given user.User, recent int) (*user.AccountMail, events.Message, error) {
			diff(t, stored(u), given)
			if recent != i {
				t.Errorf("%d recent mails, want %d", recent, i)
			}
			made = newMail(user.MailRequest{Purpose: user.EmailChange}, given)
			return &made, messageOf(made), nil
		}))
		got, _, err := s.Get(t.Context(), made.ID)
		must(t, err)
		diff(t, made, got)
		sent = append(sent, made.ID)
	}
	if ids := s.messages(t); len(ids) != 4 || !slices.Equal(ids[1:], sent) {
		t.Errorf("messages %v, want at last %v", ids, sent)
	}
	for _, unknown := range []string{id(), "", "\x00"} {
		wantErr(t, s.Send(t.Context(), unknown, user.EmailChange, u.Email, since(at), sending), user.ErrNotFound)
	}
}

func mailsToAMailbox(t *testing.T, s AccountMailsUnderTest) {
	for i, email := range []string{"ada@example.com", "bob@example.com", "eve@example.com"} {
		u := s.account(t, email)
		must(t, s.Send(t.Context(), u.ID, user.EmailChange, "Victim@example.com", since(at.Add(-time.Microsecond)), func(u user.User, recent int) (*user.AccountMail, events.Message, error) {
			if recent != i {
				t.Errorf("%d recent mails to the mailbox, want %d", recent, i)
			}
			made := newMail(user.MailRequest{Purpose: user.EmailChange}, u)
			made.Email = []string{"victim@example.com", "victim+1@example.com", "victim+2@example.com"}[i]
			return &made, messageOf(made), nil
		}))
	}
}

// mailsSendRace lets accounts send to one mailbox at once, which takes one mail.
func mailsSendRace(t *testing.T, s AccountMailsUnderTest) {
	var accounts []user.User
	for i := range workers {
		accounts = append(accounts, s.account(t, fmt.Sprint("user", i, "@example.com")))
	}
	full := errors.New("full")
	won := race(t, full, func(worker int) error {
		return s.Send(t.Context(), accounts[worker].ID, user.EmailChange, fmt.Sprint("victim+", worker, "@example.com"), since(at.Add(-time.Microsecond)),
			func(u user.User, recent int) (*user.AccountMail, events.Message, error) {
				if recent > 0 {
					return nil, events.Message{}, full
				}
				m := newMail(user.MailRequest{Purpose: user.EmailChange}, u)
				m.Email = "victim@example.com"
				return &m, messageOf(m), nil
			})
	})
	if won != 1 {
		t.Errorf("%d mails to a mailbox that takes one", won)
	}
}

// mailsWorkOffRace lets processes decide at once on requests of accounts that share a
// mailbox, which takes one mail.
func mailsWorkOffRace(t *testing.T, s AccountMailsUnderTest) {
	for i := range workers {
		u := s.account(t, fmt.Sprint("victim+", i, "@example.com"))
		s.request(t, user.Verification, u.Email, at)
	}
	race(t, nil, func(int) error {
		_, err := s.WorkOff(t.Context(), since(at.Add(-time.Microsecond)), 2, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
			if recent > 0 {
				return nil, events.Message{}, nil
			}
			m := newMail(r, u)
			return &m, messageOf(m), nil
		})
		return err
	})
	if ids := s.messages(t); len(ids) != 1 {
		t.Errorf("%d mails to a mailbox that takes one", len(ids))
	}
}

func mailsSendFails(t *testing.T, s AccountMailsUnderTest) {
	u := s.account(t, "ada@example.com")
	boom := errors.New("boom")
	var made user.AccountMail
	wantErr(t, s.Send(t.Context(), u.ID, user.EmailChange, u.Email, since(at), func(u user.User, _ int) (*user.AccountMail, events.Message, error) {
		made = newMail(user.MailRequest{Purpose: user.EmailChange}, u)
		return &made, messageOf(made), boom
	}), boom)
	_, _, err := s.Get(t.Context(), made.ID)
	wantErr(t, err, user.ErrLinkNotValid)
	if ids := s.messages(t); len(ids) != 0 {
		t.Errorf("the messages %v are stored", ids)
	}
}
