package notificationtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// AccountMailsFixture is an AccountMails of a user service that a test controls.
type AccountMailsFixture struct {
	AccountMails notification.AccountMails
	Put          func(id string, m notification.AccountMail) // makes a mail due
	Down         func()                                      // makes the user service stop answering
}

// TestAccountMails holds a notification.AccountMails to its promises. open returns
// one of a user service that knows of no mail.
func TestAccountMails(t *testing.T, open func(t *testing.T) AccountMailsFixture) {
	withLink := notification.AccountMail{
		To: "ada@example.com", Name: "Ada Füße 音楽", Locale: "de-AT", URL: "https://tickets.example/verify/abc", ExpiresAt: time.Date(2031, 3, 30, 2, 30, 0, 123_000_000, time.UTC),
	}
	withToken := withLink
	withToken.Locale, withToken.URL, withToken.Token, withToken.Operation = "", "", "abc", "POST /users/verification/confirm"
	withCode := withLink
	withCode.To, withCode.URL, withCode.Code = "+4915112345678", "", "081542"
	t.Run("a_mail_is_told_whole", func(t *testing.T) {
		t.Parallel()
		for _, want := range []notification.AccountMail{withLink, withToken, withCode} {
			f, id := open(t), newID()
			f.Put(id, want)
			got, err := f.AccountMails.AccountMail(t.Context(), id)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		}
	})
	t.Run("an_unknown_mail_is_ErrNotDue", func(t *testing.T) {
		t.Parallel()
		f := open(t)
		f.Put(newID(), withLink)
		for _, id := range []string{newID(), "../admin", "a/b?c#d"} {
			_, err := f.AccountMails.AccountMail(t.Context(), id)
			wantErr(t, err, notification.ErrNotDue)
		}
	})
	t.Run("no_answer_is_another_error", func(t *testing.T) {
		t.Parallel()
		f, id := open(t), newID()
		f.Put(id, withLink)
		f.Down()
		if _, err := f.AccountMails.AccountMail(t.Context(), id); err == nil || errors.Is(err, notification.ErrNotDue) {
			t.Errorf("error %v, want another than ErrNotDue", err)
		}
		if _, err := f.AccountMails.AccountMail(cancelled(t), id); err == nil || errors.Is(err, notification.ErrNotDue) {
			t.Errorf("with a cancelled context: error %v, want another than ErrNotDue", err)
		}
	})
}
