package e2e

import (
	"bytes"
	"image"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/documenttest"
)

// door verifies codes as a door does, by the public keys of the event.
func (p *platform) door(t testing.TB, eventID string) *ticketcode.Verifier {
	t.Helper()
	system, ok := p.system.(interface{ ticketSecret() (string, error) })
	if !ok {
		t.Skip("booking's secret of the codes is not known")
	}
	secret, err := system.ticketSecret()
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := config.Secrets("TICKET_KEY", []string{secret}, false)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ticketcode.NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.PublicKeys(eventID)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ticketcode.NewVerifier(eventID, public)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wantMailed compares the codes that are read of a mail with those of tickets, and shows
// them at the door.
func wantMailed(t *testing.T, m mail, door *ticketcode.Verifier, tickets ...ticket) {
	t.Helper()
	m = m.whole(t)
	var want []string
	for _, one := range tickets {
		want = append(want, one.Code)
	}
	read := func(images []image.Image) (codes []string) {
		for _, img := range images {
			codes = append(codes, documenttest.QR(t, img))
		}
		return codes
	}
	var pictures []image.Image
	for _, picture := range m.pictures {
		pictures = append(pictures, documenttest.Image(t, picture))
	}
	inline := read(pictures)
	if d := cmp.Diff(want, inline); d != "" {
		t.Errorf("%q shows (-want +got):\n%s", m.subject, d)
	}
	documenttest.Validate(t, m.pdf)
	if d := cmp.Diff(want, read(documenttest.Render(t, m.pdf))); d != "" {
		t.Errorf("%q has attached (-want +got):\n%s", m.subject, d)
	}
	for i, code := range inline {
		tag, err := ticketcode.TagOf(tickets[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := door.Verify(code); err != nil || got.Ticket != tag || int(got.Issue) != tickets[i].Issue {
			t.Errorf("at the door the code of ticket %d says %+v, %v", tickets[i].Number, got, err)
		}
	}
}

// The mails' codes get their holders in. A ticket that is given back, or passed on, is in
// none of the mails that follow, but with its new code.
func TestMailedTickets(t *testing.T) {
	t.Parallel()
	p := shared(t)
	ada, friend := p.register(t, customer), "grace-"+uuid.NewString()+"@e2e.example"
	e := p.publish(t, p.register(t, organizer), draft(10))
	door := p.door(t, e.ID)
	b := p.book(t, ada, e, 3)
	first := p.tickets(t, ada, b.ID)
	confirmation := p.awaitMail(t, b.ID, mail.confirms)
	wantMailed(t, confirmation, door, first...)

	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/cancellations", as(ada), key(uuid.NewString()), body(obj{"tickets": []string{first[2].ID}})).want(t, http.StatusCreated)
	pass := func(name, email string) {
		p.call(t, http.MethodPatch, gateway, "/bookings/"+b.ID+"/tickets/"+first[1].ID, as(ada), body(obj{"holder": obj{"name": name, "email": email}})).want(t, http.StatusOK)
	}
	pass("Grace Hopper", friend)
	second := p.tickets(t, ada, b.ID)
	wantTickets(t, second, "1 VALID 1", "2 VALID 2", "3 CANCELLED 1")
	received := p.awaitMail(t, b.ID, mail.receives)
	if received.to != friend || !strings.Contains(received.text, "Grace Hopper") || received.calendar != "" {
		t.Errorf("the new holder's mail is to %s:\n%s", received.to, received.text)
	}
	wantMailed(t, received, door, second[1])
	if lost := p.awaitMail(t, b.ID, mail.loses).whole(t); lost.to != ada.email || len(lost.pictures) > 0 || lost.pdf != nil {
		t.Errorf("who had the ticket is mailed %q to %s", lost.subject, lost.to)
	}
	// The list tells a door that this issue is replaced.
	if old, err := door.Verify(first[1].Code); err != nil || int(old.Issue) >= second[1].Issue {
		t.Errorf("the old code says %+v, %v", old, err)
	}

	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/resend", as(ada), key(uuid.NewString())).want(t, http.StatusAccepted)
	again := p.awaitMail(t, b.ID, mail.repeats)
	wantMailed(t, again, door, second[:2]...)
	if again.to != ada.email || again.id == confirmation.id {
		t.Errorf("the mail again is to %s, with the Message-ID %s", again.to, again.id)
	}

	p.keepsNone(t, slices.Concat(first, second))
}

// keepsNone fails t where a database or a log has the code of a ticket. Only a platform of
// one process has its files where they can be read.
func (p *platform) keepsNone(t *testing.T, tickets []ticket) {
	t.Helper()
	s, ok := p.system.(*oneProcess)
	if !ok {
		return
	}
	var files []string
	for _, pattern := range []string{"*.db*", "logs/*"} {
		found, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 8 {
		t.Errorf("there are only %q", files)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range tickets {
			if one.Code != "" && bytes.Contains(b, []byte(one.Code)) {
				t.Errorf("%s has the code of ticket %d", filepath.Base(file), one.Number)
			}
		}
	}
}
