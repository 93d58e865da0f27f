package notificationtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// ContactsFixture is a Contacts of a user service that a test controls.
type ContactsFixture struct {
	Contacts notification.Contacts
	Put      func(userID string, c notification.Contact) // makes a user known
	Down     func()                                      // makes the user service stop answering
}

// TestContacts holds a notification.Contacts to its promises. newContacts
// returns one of a user service that knows nobody.
func TestContacts(t *testing.T, newContacts func(t *testing.T) ContactsFixture) {
	ada := notification.Contact{Email: "ada@example.com", Name: "Ada Füße 音楽", Phone: "+4930123456", Locale: "de-AT"}
	t.Run("a_user_has_a_contact", func(t *testing.T) {
		t.Parallel()
		f, id := newContacts(t), newID()
		f.Put(id, ada)
		got, err := f.Contacts.Contact(t.Context(), id)
		if diff := cmp.Diff(ada, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("no_phone_is_empty", func(t *testing.T) {
		t.Parallel()
		f, id := newContacts(t), newID()
		c := ada
		c.Phone = ""
		f.Put(id, c)
		got, err := f.Contacts.Contact(t.Context(), id)
		if diff := cmp.Diff(c, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("no_language_is_empty", func(t *testing.T) {
		t.Parallel()
		f, id := newContacts(t), newID()
		c := ada
		c.Locale = ""
		f.Put(id, c)
		got, err := f.Contacts.Contact(t.Context(), id)
		if diff := cmp.Diff(c, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("an_unknown_user_is_ErrNoContact", func(t *testing.T) {
		t.Parallel()
		f := newContacts(t)
		for _, id := range []string{newID(), "../admin", "a/b?c#d"} {
			_, err := f.Contacts.Contact(t.Context(), id)
			wantErr(t, err, notification.ErrNoContact)
		}
	})
	t.Run("no_answer_is_another_error", func(t *testing.T) {
		t.Parallel()
		f, id := newContacts(t), newID()
		f.Put(id, ada)
		f.Down()
		if _, err := f.Contacts.Contact(t.Context(), id); err == nil || errors.Is(err, notification.ErrNoContact) {
			t.Errorf("error %v, want another than ErrNoContact", err)
		}
		if _, err := f.Contacts.Contact(cancelled(t), id); err == nil || errors.Is(err, notification.ErrNoContact) {
			t.Errorf("with a cancelled context: error %v, want another than ErrNoContact", err)
		}
	})
}
