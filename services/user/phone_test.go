package user_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user"
)

const newPhone = "+491701234567"

// texted asks for a code for a number, and returns what the SMS says.
func (s service) texted(t *testing.T, userID, phone string) user.MailContent {
	t.Helper()
	if err := s.RequestPhone(t.Context(), userID, phone); err != nil {
		t.Fatal(err)
	}
	told := s.told(t)
	if len(told) != 1 || told[0].Purpose != string(user.PhoneChange) {
		t.Fatalf("told of %+v, want one code", told)
	}
	c, err := s.Mail(t.Context(), told[0].MailID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wrong is a code that is not c's.
func wrong(c user.MailContent) string {
	if c.Code == "123456" {
		return "654321"
	}
	return "123456"
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var invalid problem.Invalid
	if !errors.As(err, &invalid) || invalid[0].Name != field {
		t.Errorf("error %v, want one about %s", err, field)
	}
}

func TestAPhoneIsProvenByItsCode(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	c := s.texted(t, u.ID, " "+newPhone+" ")
	want := user.MailContent{
		ID: c.ID, UserID: u.ID, Purpose: user.PhoneChange, To: newPhone, Name: u.Name, Locale: u.Locale, Code: c.Code, ExpiresAt: s.clock.Add(10 * time.Minute),
	}
	if d := cmp.Diff(want, c); d != "" || len(c.Code) != 6 {
		t.Errorf("the code is %q (-want +got):\n%s", c.Code, d)
	}
	if again, err := s.Mail(t.Context(), c.ID); err != nil || again.Code != c.Code {
		t.Errorf("the SMS that is sent again has another code: %v", err)
	}
	if now, err := s.Get(t.Context(), u.ID); err != nil || now.Phone != u.Phone || now.PhoneVerified() {
		t.Errorf("before the code: %q, proven: %v (%v)", now.Phone, now.PhoneVerified(), err)
	}
	now, err := s.ConfirmPhone(t.Context(), u.ID, " "+c.Code[:3]+" "+c.Code[3:])
	if err != nil || now.Phone != newPhone || !now.PhoneVerifiedAt.Equal(*s.clock) {
		t.Fatalf("after the code: %q, proven at %v (%v)", now.Phone, now.PhoneVerifiedAt, err)
	}
	_, err = s.ConfirmPhone(t.Context(), u.ID, c.Code)
	wantErr(t, err, user.ErrLinkNotValid)
	_, err = s.Mail(t.Context(), c.ID)
	wantErr(t, err, user.ErrMailNotDue)

	// What is not proven is not taken for it.
	same := newPhone
	if now, err = s.Change(t.Context(), u.ID, user.Change{Phone: &same}); err != nil || !now.PhoneVerified() {
		t.Errorf("the same number, once more: proven %v (%v)", now.PhoneVerified(), err)
	}
	other := "+491709999999"
	if now, err = s.Change(t.Context(), u.ID, user.Change{Phone: &other}); err != nil || now.PhoneVerified() {
		t.Errorf("another number is proven: %v (%v)", now.PhoneVerified(), err)
	}
}

func TestACodeIsTriedFiveTimes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	c := s.texted(t, u.ID, newPhone)
	for range user.CodeTries {
		_, err := s.ConfirmPhone(t.Context(), u.ID, wrong(c))
		wantErr(t, err, user.ErrWrongCode)
	}
	_, err := s.ConfirmPhone(t.Context(), u.ID, c.Code)
	wantErr(t, err, user.ErrLinkNotValid)

	// Another code has tries of its own; however many come at once, no more.
	c = s.texted(t, u.ID, newPhone)
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[error]int{}
	for range 20 {
		wg.Go(func() {
			_, err := s.ConfirmPhone(t.Context(), u.ID, wrong(c))
			mu.Lock()
			defer mu.Unlock()
			got[err]++
		})
	}
	wg.Wait()
	if got[user.ErrWrongCode] != user.CodeTries || got[user.ErrLinkNotValid] != 20-user.CodeTries {
		t.Errorf("of 20 wrong codes at once %v came", got)
	}
	c = s.texted(t, u.ID, newPhone)
	for range user.CodeTries - 1 {
		_, err := s.ConfirmPhone(t.Context(), u.ID, wrong(c))
		wantErr(t, err, user.ErrWrongCode)
	}
	if now, err := s.ConfirmPhone(t.Context(), u.ID, c.Code); err != nil || now.Phone != newPhone {
		t.Errorf("the right code in the fifth try: %v", err)
	}
}

func TestACodeThatProvesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	_, err := s.ConfirmPhone(t.Context(), u.ID, "123456") // none was sent
	wantErr(t, err, user.ErrLinkNotValid)
	for _, code := range []string{"", "12345", "1234567", "12345a", "１２３４５６"} {
		_, err := s.ConfirmPhone(t.Context(), u.ID, code)
		wantInvalid(t, err, "code")
	}
	for _, phone := range []string{"", "0170 1234567", "+49 170", "somebody"} {
		wantInvalid(t, s.RequestPhone(t.Context(), u.ID, phone), "phone")
	}
	old := s.texted(t, u.ID, newPhone)
	c := s.texted(t, u.ID, newPhone)
	if old.Code != c.Code {
		_, err = s.ConfirmPhone(t.Context(), u.ID, old.Code) // the newer one counts
		wantErr(t, err, user.ErrWrongCode)
	}
	s.pass(10 * time.Minute)
	_, err = s.ConfirmPhone(t.Context(), u.ID, c.Code)
	wantErr(t, err, user.ErrLinkNotValid)
	_, err = s.Mail(t.Context(), c.ID)
	wantErr(t, err, user.ErrMailNotDue)
}

func TestCodesAreFew(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	register := func(n int) user.User {
		other, err := s.Register(t.Context(), user.Registration{Email: fmt.Sprintf("user%d@example.com", n), Password: "a sparrow in the organ", Name: "N"})
		if err != nil {
			t.Fatal(err)
		}
		return other
	}
	for n := range user.MailsPerHour {
		s.texted(t, u.ID, fmt.Sprintf("+49170000000%d", n))
		s.texted(t, register(n).ID, newPhone)
	}
	wantErr(t, s.RequestPhone(t.Context(), u.ID, "+491708888888"), user.ErrTooManyMails)    // of the account
	wantErr(t, s.RequestPhone(t.Context(), register(9).ID, newPhone), user.ErrTooManyMails) // to the number
	s.pass(time.Hour + time.Microsecond)
	s.texted(t, u.ID, newPhone)
}

// A new password ends what was asked for under the old one.
func TestACodeEndsWithThePassword(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	c := s.texted(t, u.ID, newPhone)
	if _, err := s.Users.Update(t.Context(), u.ID, func(u *user.User) error { u.PasswordVersion++; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := s.ConfirmPhone(t.Context(), u.ID, c.Code)
	wantErr(t, err, user.ErrLinkNotValid)
}

// An SMS that waits is not sent after the one that replaces it: its code would be wrong.
func TestAnOlderCodeIsNotSentAfterANewerOne(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	old := s.texted(t, u.ID, newPhone)
	s.pass(-5 * time.Minute) // the clock is set back
	newest := s.texted(t, u.ID, newPhone)
	_, err := s.Mail(t.Context(), old.ID)
	wantErr(t, err, user.ErrMailNotDue)
	if again, err := s.Mail(t.Context(), newest.ID); err != nil || again.Code != newest.Code {
		t.Errorf("the newest code: %v", err)
	}
	if now, err := s.ConfirmPhone(t.Context(), u.ID, newest.Code); err != nil || now.Phone != newPhone {
		t.Errorf("the newest code proves nothing: %v", err)
	}
}

// Codes that were sent while the clock was ahead count for an hour and no longer.
func TestAClockThatWasAheadBlocksNoCodes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	s.pass(30 * 24 * time.Hour)
	for range user.MailsPerHour {
		s.texted(t, u.ID, newPhone)
	}
	wrong := s.mailed(t, user.PasswordReset)
	s.pass(-30 * 24 * time.Hour)
	// Nor is a link of then good for a month.
	wantErr(t, s.ResetPassword(t.Context(), wrong.Token, "an organ in the sparrow"), user.ErrLinkNotValid)
	for range user.MailsPerHour {
		s.texted(t, u.ID, newPhone)
	}
	wantErr(t, s.RequestPhone(t.Context(), u.ID, newPhone), user.ErrTooManyMails)
	c := s.mailed(t, user.Verification)
	if err := s.ConfirmEmail(t.Context(), c.Token); err != nil {
		t.Error(err)
	}
}
