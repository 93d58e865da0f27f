package webtest_test

import (
	"slices"
	"testing"

	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// world is a scripted platform of its own.
func world(t *testing.T) webtest.World {
	t.Helper()
	p := webtest.NewPlatform(nil)
	return worldOf(p, p)
}

// worldOf is the platform p, which is asked through ports.
func worldOf(p *webtest.Platform, ports webtest.Ports) webtest.World {
	return webtest.World{
		Ports:       ports,
		AddEvent:    func(_ *testing.T, e web.Event) web.Event { return p.AddEvent(e) },
		CancelEvent: func(_ *testing.T, id string) { p.CancelEvent(id) },
		AddImage: func(_ *testing.T, id string) {
			p.ChangeEvent(id, func(e *web.Event) {
				e.Image = &web.Image{Tag: "1", Widths: []int{480, 960}, Width: 960, Height: 540}
			})
		},
		LinkKey:   func(_ *testing.T, id string) string { return p.LinkKey(id) },
		TicketKey: func(_ *testing.T, id string, ticket web.Ticket) string { return p.TicketKey(id, ticket.Number) },
		MailedToken: func(t *testing.T, to, kind string) string {
			t.Helper()
			for _, m := range slices.Backward(p.Mails(to)) {
				if m.Kind == kind {
					return m.Token
				}
			}
			t.Fatalf("no mail %s to %s", kind, to)
			return ""
		},
	}
}

func TestThePlatformKeepsTheContracts(t *testing.T) {
	t.Parallel()
	for name, suite := range suites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, world)
		})
	}
}

var suites = map[string]func(t *testing.T, open func(t *testing.T) webtest.World){
	"Catalog":   webtest.TestCatalog,
	"Checkouts": webtest.TestCheckouts,
	"Bookings":  webtest.TestBookings,
	"Links":     webtest.TestLinks,
	"SignIns":   webtest.TestSignIns,
	"Accounts":  webtest.TestAccounts,
	"Proofs":    webtest.TestProofs,
}
