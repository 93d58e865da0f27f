package user_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user"
)

// told returns the account mails that messages were published about since the last
// call.
func (s service) told(t *testing.T) (mails []events.AccountMail) {
	t.Helper()
	if err := s.WorkOffNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	far := s.clock.Add(1000 * time.Hour)
	entries, err := s.outbox.Claim(t.Context(), far, far.Add(1000*time.Hour), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range entries {
		var m events.AccountMail
		if err := json.Unmarshal(e.Message.Data, &m); err != nil {
			t.Fatal(err)
		}
		if e.Topic != events.TopicUsers || e.Message.Type != events.TypeAccountMail || e.Message.Source != "user" || e.Message.Subject != m.UserID {
			t.Errorf("a message of topic %s, type %s, source %s", e.Topic, e.Message.Type, e.Message.Source)
		}
		mails = append(mails, m)
		ids = append(ids, e.Message.ID)
	}
	if err := s.outbox.Close(t.Context(), ids, *s.clock); err != nil {
		t.Fatal(err)
	}
	return mails
}

// mailed asks for a mail to ada, and returns what it says.
func (s service) mailed(t *testing.T, p user.Purpose) user.MailContent {
	t.Helper()
	if err := s.RequestMail(t.Context(), p, "ADA@example.com"); err != nil {
		t.Fatal(err)
	}
	told := s.told(t)
	if len(told) != 1 || told[0].Purpose != string(p) {
		t.Fatalf("told of %+v, want one %s", told, p)
	}
	c, err := s.Mail(t.Context(), told[0].MailID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerification(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	c := s.mailed(t, user.Verification)
	want := user.MailContent{
		ID: c.ID, UserID: u.ID, Purpose: user.Verification, To: u.Email, Name: u.Name, Locale: u.Locale,
		Token: c.Token, ExpiresAt: s.clock.Add(48 * time.Hour),
	}
	if d := cmp.Diff(want, c); d != "" || len(c.Token) != 43 {
		t.Errorf("a token of %d characters (-want +got):\n%s", len(c.Token), d)
	}
	if again, err := s.Mail(t.Context(), c.ID); err != nil || again.Token != c.Token {
		t.Errorf("the mail that is sent again has another token: %v", err)
	}
	s.pass(time.Minute)
	if err := s.ConfirmEmail(t.Context(), c.Token); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Get(t.Context(), u.ID); err != nil || !now.EmailVerifiedAt.Equal(*s.clock) {
		t.Errorf("verified at %v, %v", now.EmailVerifiedAt, err)
	}
	wantErr(t, s.ConfirmEmail(t.Context(), c.Token), user.ErrLinkNotValid)
	_, err := s.Mail(t.Context(), c.ID)
	wantErr(t, err, user.ErrMailNotDue)
	if err := s.RequestMail(t.Context(), user.Verification, u.Email); err != nil {
		t.Fatal(err)
	}
	if told := s.told(t); len(told) != 0 {
		t.Errorf("mails about what is verified already: %+v", told)
	}
}

func TestLinksLeadToTheWebSite(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	s.WebURL = "https://tickets.example"
	for p, prefix := range map[user.Purpose]string{
		user.Verification: "https://tickets.example/verify/", user.PasswordReset: "https://tickets.example/password-reset/",
	} {
		c := s.mailed(t, p)
		if token, ok := strings.CutPrefix(c.URL, prefix); !ok || len(token) != 43 || c.Token != "" {
			t.Errorf("%s: the link %s and the token %q", p, c.URL, c.Token)
		}
	}
}

func TestPasswordReset(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	g := s.login(t)
	c, second := s.mailed(t, user.PasswordReset), s.mailed(t, user.PasswordReset)
	const next = "an organ in the sparrow"
	wantErr(t, s.ResetPassword(t.Context(), c.Token, "password123"), user.ErrPasswordTooCommon)
	var wrong problem.Invalid
	if err := s.ResetPassword(t.Context(), c.Token, "short"); !errors.As(err, &wrong) {
		t.Errorf("a short password: %v", err)
	}
	if err := s.ResetPassword(t.Context(), c.Token, next); err != nil {
		t.Fatal(err)
	}
	_, err := s.Refresh(t.Context(), g.RefreshToken)
	wantErr(t, err, user.ErrInvalidGrant)
	_, err = s.VerifyChange(t.Context(), g.AccessToken)
	wantErr(t, err, user.ErrInvalidToken)
	_, err = s.Login(t.Context(), u.Email, password)
	wantErr(t, err, user.ErrInvalidGrant)
	if _, err := s.Login(t.Context(), u.Email, next); err != nil {
		t.Error(err)
	}
	if now, err := s.Get(t.Context(), u.ID); err != nil || !now.EmailVerified() {
		t.Errorf("whoever read the mail has not proven to have the mailbox: %v", err)
	}
	for what, token := range map[string]string{"used": c.Token, "of before the change": second.Token} {
		if err := s.ResetPassword(t.Context(), token, "a wren in the clavichord"); !errors.Is(err, user.ErrLinkNotValid) {
			t.Errorf("a token that is %s: %v", what, err)
		}
	}
}

// Of the mails that wait only the newest of each purpose is sent. A link that was mailed
// before stays good.
func TestAnOlderLinkIsNotSentAfterANewerOne(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	for _, p := range []user.Purpose{user.Verification, user.PasswordReset} {
		old, newest := s.mailed(t, p), s.mailed(t, p)
		_, err := s.Mail(t.Context(), old.ID)
		wantErr(t, err, user.ErrMailNotDue)
		if _, err := s.Mail(t.Context(), newest.ID); err != nil {
			t.Errorf("the newest %s: %v", p, err)
		}
		if p == user.Verification {
			if err := s.ConfirmEmail(t.Context(), old.Token); err != nil {
				t.Errorf("the link that was mailed first: %v", err)
			}
		}
	}
	change := func(email string) user.MailContent {
		t.Helper()
		if err := s.RequestEmail(t.Context(), u.ID, email, password); err != nil {
			t.Fatal(err)
		}
		c, err := s.Mail(t.Context(), s.told(t)[0].MailID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	wrong, right := change("wrong@example.com"), change("right@example.com")
	_, err := s.Mail(t.Context(), wrong.ID)
	wantErr(t, err, user.ErrMailNotDue)
	// Each change is told to the address that it replaces, however late.
	if _, err := s.ConfirmNewEmail(t.Context(), u.ID, right.Token); err != nil {
		t.Fatal(err)
	}
	first := s.told(t)[0].MailID
	if _, err := s.ConfirmNewEmail(t.Context(), u.ID, change("next@example.com").Token); err != nil {
		t.Fatal(err)
	}
	s.told(t)
	if notice, err := s.Mail(t.Context(), first); err != nil || notice.To != u.Email {
		t.Errorf("the first notice is to %s (%v), want %s", notice.To, err, u.Email)
	}
}

func TestLinksThatAreNotValid(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	verification, reset := s.mailed(t, user.Verification).Token, s.mailed(t, user.PasswordReset).Token
	forged := []byte(verification)
	forged[42] = map[bool]byte{true: 'Q', false: 'A'}[forged[42] != 'Q'] // the last bits are unused
	forged[30] = map[bool]byte{true: 'B', false: 'A'}[forged[30] == 'A']
	for what, token := range map[string]string{
		"a reset": reset, "forged": string(forged[:42]) + string(verification[42]),
		"unknown": "AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"[:43],
	} {
		if err := s.ConfirmEmail(t.Context(), token); !errors.Is(err, user.ErrLinkNotValid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantErr(t, s.ResetPassword(t.Context(), verification, "an organ in the sparrow"), user.ErrLinkNotValid)
	for _, nonsense := range []string{"", "x", verification + "A", verification[:42], strings.Repeat("é", 30), "../" + verification} {
		var wrong problem.Invalid
		if err := s.ConfirmEmail(t.Context(), nonsense); !errors.As(err, &wrong) || wrong[0].Name != "token" {
			t.Errorf("%q: %v", nonsense, err)
		}
	}
	s.pass(user.PasswordResetLife)
	wantErr(t, s.ResetPassword(t.Context(), reset, "an organ in the sparrow"), user.ErrLinkNotValid)
	s.pass(user.VerificationLife - user.PasswordResetLife)
	wantErr(t, s.ConfirmEmail(t.Context(), verification), user.ErrLinkNotValid)
	if now, err := s.Get(t.Context(), u.ID); err != nil || now.EmailVerified() || now.PasswordVersion != u.PasswordVersion {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestAnotherEmailAddress(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	g := s.login(t)
	reset := s.mailed(t, user.PasswordReset)
	request := func(email string) error { return s.RequestEmail(t.Context(), u.ID, email, password) }
	wantErr(t, s.RequestEmail(t.Context(), u.ID, "new@example.com", "wrong"), user.ErrWrongPassword)
	if err := request("New@Example.com"); err != nil {
		t.Fatal(err)
	}
	told := s.told(t)
	if len(told) != 1 || told[0].Purpose != "email_change" {
		t.Fatalf("told of %+v", told)
	}
	c, err := s.Mail(t.Context(), told[0].MailID)
	if err != nil || c.To != "New@Example.com" || c.Token == "" {
		t.Fatalf("the mail is to %s: %v", c.To, err)
	}
	if now, err := s.Get(t.Context(), u.ID); err != nil || now.Email != u.Email {
		t.Errorf("before it is confirmed the address is %s (%v)", now.Email, err)
	}
	_, err = s.ConfirmNewEmail(t.Context(), "01890a5d-ac96-774b-bcce-b302099a8057", c.Token)
	wantErr(t, err, user.ErrLinkNotValid) // by another user
	wantErr(t, s.ConfirmEmail(t.Context(), c.Token), user.ErrLinkNotValid)
	now, err := s.ConfirmNewEmail(t.Context(), u.ID, c.Token)
	if err != nil || now.Email != "New@Example.com" || !now.EmailVerified() {
		t.Fatalf("the address is %s, verified: %v (%v)", now.Email, now.EmailVerified(), err)
	}
	_, err = s.ConfirmNewEmail(t.Context(), u.ID, c.Token)
	wantErr(t, err, user.ErrLinkNotValid) // twice
	if caller, err := s.VerifyChange(t.Context(), g.AccessToken); err != nil || caller.Email != "New@Example.com" {
		t.Errorf("the session's address is %s (%v)", caller.Email, err)
	}
	// The old address is told, and what was mailed there is good for nothing.
	if told = s.told(t); len(told) != 1 || told[0].Purpose != "email_changed" {
		t.Fatalf("told of %+v", told)
	}
	if c, err = s.Mail(t.Context(), told[0].MailID); err != nil || c.To != u.Email || c.Token != "" || c.URL != "" {
		t.Errorf("the old address is told %+v (%v)", c, err)
	}
	wantErr(t, s.ResetPassword(t.Context(), reset.Token, "an organ in the sparrow"), user.ErrLinkNotValid)
	_, err = s.Login(t.Context(), u.Email, password)
	wantErr(t, err, user.ErrInvalidGrant)
	if _, err := s.Login(t.Context(), "new@example.com", password); err != nil {
		t.Error(err)
	}
}

func TestEmailAddressesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	r := registration()
	r.Email = "bob@example.com"
	if _, err := s.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	request := func(email string) error { return s.RequestEmail(t.Context(), u.ID, email, password) }
	token := func() string {
		t.Helper()
		told := s.told(t)
		if len(told) != 1 {
			t.Fatalf("told of %+v", told)
		}
		c, err := s.Mail(t.Context(), told[0].MailID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Token
	}
	wantErr(t, request("BOB@example.com"), user.ErrEmailTaken)
	if err := request("carl@example.com"); err != nil {
		t.Fatal(err)
	}
	taken := token()
	r.Email = "carl@example.com" // meanwhile
	if _, err := s.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	_, err := s.ConfirmNewEmail(t.Context(), u.ID, taken)
	wantErr(t, err, user.ErrEmailTaken)

	if err := request("dora@example.com"); err != nil {
		t.Fatal(err)
	}
	late := token()
	if err := request("emil@example.com"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, request("fritz@example.com"), user.ErrTooManyMails)
	_ = token()
	s.pass(user.EmailChangeLife)
	_, err = s.ConfirmNewEmail(t.Context(), u.ID, late)
	wantErr(t, err, user.ErrLinkNotValid)
	if now, err := s.Get(t.Context(), u.ID); err != nil || now.Email != u.Email {
		t.Errorf("the address is %s (%v)", now.Email, err)
	}
	// A new password ends what somebody else may have asked for.
	if err := request("dora@example.com"); err != nil {
		t.Fatal(err)
	}
	before := token()
	next := "an organ in the sparrow"
	if _, err := s.Change(t.Context(), u.ID, user.Change{Password: &next, CurrentPassword: password}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ConfirmNewEmail(t.Context(), u.ID, before)
	wantErr(t, err, user.ErrLinkNotValid)
}

// Whoever asks learns nothing, and fills nobody's mailbox.
func TestMailsAreFewAndForAccountsAlone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	if err := s.RequestMail(t.Context(), user.PasswordReset, "nobody@example.com"); err != nil {
		t.Fatal(err)
	}
	if told := s.told(t); len(told) != 0 {
		t.Errorf("mails to nobody: %+v", told)
	}
	for range user.MailsPerHour {
		s.mailed(t, user.PasswordReset)
	}
	if err := s.RequestMail(t.Context(), user.PasswordReset, "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if told := s.told(t); len(told) != 0 {
		t.Errorf("a mail too many within an hour: %+v", told)
	}
	s.mailed(t, user.Verification)
	s.pass(time.Hour)
	s.mailed(t, user.PasswordReset)
	var wrong problem.Invalid
	if err := s.RequestMail(t.Context(), user.PasswordReset, "no address"); !errors.As(err, &wrong) || wrong[0].Name != "email" {
		t.Errorf("no address: %v", err)
	}
}

// The next start would make another admin of the address that was given up, with the
// password of the configuration.
func TestAnAdminKeepsItsAddress(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if err := s.EnsureAdmin(t.Context(), "admin@example.com", password); err != nil {
		t.Fatal(err)
	}
	g, err := s.Login(t.Context(), "admin@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Verify(t.Context(), g.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, s.RequestEmail(t.Context(), c.UserID, "bob@example.com", password), user.ErrAdminAddress)
}

// Another spelling of the same address is no news to its mailbox.
func TestASpellingOfTheAddressIsNotTold(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	if err := s.RequestEmail(t.Context(), u.ID, strings.ToUpper(u.Email[:1])+u.Email[1:], password); err != nil {
		t.Fatal(err)
	}
	told := s.told(t)
	m, err := s.Mail(t.Context(), told[0].MailID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmNewEmail(t.Context(), u.ID, m.Token); err != nil {
		t.Fatal(err)
	}
	if told := s.told(t); len(told) != 0 {
		t.Errorf("told of %+v, want nothing", told)
	}
}

// Whoever registered an address that was not theirs leaves no phone behind for the
// one who has its mailbox.
func TestAResetOfAnAddressNobodyVerifiedForgetsThePhone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := registration()
	r.Phone = "+4930123456"
	u, err := s.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ResetPassword(t.Context(), s.mailed(t, user.PasswordReset).Token, "an organ in the sparrow"); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Get(t.Context(), u.ID); err != nil || now.Phone != "" {
		t.Errorf("the phone is %q (%v), want none", now.Phone, err)
	}
}

// Whoever registers with a stranger's address and leaves it again, account after
// account, sends the stranger few mails. The owner of a proven address hears of each
// change all the same.
func TestNoticesToAnOldAddressAreFew(t *testing.T) {
	t.Parallel()
	s := newService(t)
	token := func() string {
		t.Helper()
		told := s.told(t)
		c, err := s.Mail(t.Context(), told[len(told)-1].MailID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Token
	}
	leave := func(i int, verified bool) error {
		t.Helper()
		r := registration()
		r.Email = fmt.Sprint("victim+", i, "@example.com")
		u, err := s.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if verified {
			if err := s.RequestMail(t.Context(), user.Verification, r.Email); err != nil {
				t.Fatal(err)
			}
			if err := s.ConfirmEmail(t.Context(), token()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.RequestEmail(t.Context(), u.ID, fmt.Sprint("eve", i, "@example.com"), password); err != nil {
			t.Fatal(err)
		}
		_, err = s.ConfirmNewEmail(t.Context(), u.ID, token())
		if now, failed := s.Get(t.Context(), u.ID); failed != nil || (now.Email == r.Email) != (err != nil) {
			t.Errorf("the address is %s after %v", now.Email, err)
		}
		return err
	}
	notices := func() (n int) {
		for _, m := range s.told(t) {
			if m.Purpose == "email_changed" {
				n++
			}
		}
		return n
	}
	for i := range user.MailsPerHour {
		if err := leave(i, false); err != nil || notices() != 1 {
			t.Fatalf("change %d is not told: %v", i, err)
		}
	}
	wantErr(t, leave(10, false), user.ErrTooManyMails)
	if n := notices(); n != 0 {
		t.Errorf("%d mails too many within an hour", n)
	}
	if err := leave(11, true); err != nil || notices() != 1 {
		t.Errorf("a proven address is not told: %v", err)
	}
	s.pass(time.Hour)
	if err := leave(12, false); err != nil || notices() != 1 {
		t.Errorf("an hour later a change is not told: %v", err)
	}
}

// counted counts the uses of mails, which lock.
type counted struct {
	user.AccountMails
	uses int
}

func (c *counted) Use(ctx context.Context, id string, now time.Time, within user.Span, change func(user.AccountMail, *user.User, int) (*user.AccountMail, events.Message, error)) (user.User, error) {
	c.uses++
	return c.AccountMails.Use(ctx, id, now, within, change)
}

func TestTokensThatProveNothingLockNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	good := s.mailed(t, user.Verification).Token
	c := &counted{AccountMails: s.AccountMails}
	s.AccountMails = c
	for _, token := range []string{"AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE", "nonsense"} {
		if s.ConfirmEmail(t.Context(), token) == nil || s.ResetPassword(t.Context(), token, "an organ in the sparrow") == nil {
			t.Errorf("%q is taken", token)
		}
	}
	_, err := s.ConfirmNewEmail(t.Context(), u.ID, good)
	wantErr(t, err, user.ErrLinkNotValid)
	if c.uses != 0 {
		t.Errorf("%d uses by tokens that prove nothing", c.uses)
	}
	if err := s.ConfirmEmail(t.Context(), good); err != nil || c.uses != 1 {
		t.Errorf("%d uses by one that does (%v)", c.uses, err)
	}
}
