package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// This file is about backups of the one process; elsewhere the databases have
// their own.

// run runs another command of the program on the same data.
func (s *oneProcess) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.path, args...)
	cmd.Env = s.env
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("boxoffice %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// replaceBooks puts the sandbox's books of from in the place of those of to: the
// provider is outside, and keeps what it has when a platform is restored.
func replaceBooks(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		target := filepath.Join(to, "sandbox.db"+suffix)
		if err := os.RemoveAll(target); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(from, "sandbox.db"+suffix))
		if os.IsNotExist(err) && suffix != "" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// shopping begins a load of n buyers, and returns them with what ends it.
func shopping(t *testing.T, p *platform, e event, n int) (buyers []*buyer, stop func()) {
	t.Helper()
	seed := killSeed(t)
	finish := make(chan struct{})
	var load sync.WaitGroup
	for i, a := range p.crowd(t, n) {
		b := newBuyer(p, a, e, seed, i, standaloneWay.pace)
		buyers = append(buyers, b)
		load.Go(func() { b.shop(finish) })
	}
	return buyers, sync.OnceFunc(func() {
		close(finish)
		load.Wait()
	})
}

// awaitSales waits until so many tickets of the first type are sold.
func awaitSales(t *testing.T, p *platform, e event, tickets int) {
	t.Helper()
	eventually(t, func() error {
		left, err := p.leftOf(e.ID)
		if err != nil {
			return err
		}
		if sold := e.TicketTypes[0].Capacity - left.TicketTypes[0].Available; sold < tickets {
			return fmt.Errorf("%d tickets are sold", sold)
		}
		return nil
	})
}

// A backup under load, restored elsewhere, keeps every promise for what it has: all
// that was acknowledged before it began. If the provider's books agree, sales open
// by themselves. If it knows of later charges, an admin has to accept them first.
func TestABackupUnderLoadIsRestoredElsewhere(t *testing.T) {
	t.Parallel()
	old := newStandalone(t, t.TempDir(), options{})
	p := openSystem(t, old)
	e := p.publish(t, p.register(t, organizer), draft(4000, 400))
	buyers, stop := shopping(t, p, e, killClients)
	defer stop()
	awaitSales(t, p, e, 40)

	acknowledged := settledBookings(t, p, buyers)
	backup := filepath.Join(t.TempDir(), "backup")
	if said := old.run(t, "backup", backup); !strings.Contains(said, "booking.db") {
		t.Errorf("backup says: %s", said)
	}
	left, err := p.leftOf(e.ID)
	if err != nil {
		t.Fatal(err)
	}
	awaitSales(t, p, e, left.TicketTypes[0].Capacity-left.TicketTypes[0].Available+40)
	old.kill()
	stop()

	restored := restore(t, backup, "")
	checkRestored(t, restored, e, buyers, acknowledged)
	restored.buy(t, restored.register(t, customer), e)
	restored.kill()

	behind := restore(t, backup, old.dir)
	c := behind.register(t, customer)
	refused := func() {
		t.Helper()
		res, err := behind.send(http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1})) // call waits out a 503
		if err != nil {
			t.Fatal(err)
		}
		res.refused(t, http.StatusServiceUnavailable, problem.SalesPaused)
	}
	refused()
	r := behind.restoreReport(t)
	checkListed(t, behind, buyers, r)
	accept := func(at service, id string, by *account) *answer {
		t.Helper()
		return behind.call(t, http.MethodPost, at, "/admin/reconciliations/"+id+"/accept", as(by))
	}
	for _, at := range []service{gateway, bookings} {
		accept(at, r.ID, c).refused(t, http.StatusForbidden, problem.Forbidden)
		accept(at, e.ID, behind.admin).refused(t, http.StatusNotFound, problem.ReportNotFound)
	}
	refused()
	accept(gateway, r.ID, behind.admin).want(t, http.StatusOK)
	behind.buy(t, c, e)
}

func openSystem(t *testing.T, s system) *platform {
	t.Helper()
	p, err := open(s)
	t.Cleanup(func() { p.end(t) })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// restore starts a platform on what the backup has, with the provider's books of
// the folder booksOf, "" for those of the backup.
func restore(t *testing.T, backup, booksOf string) *platform {
	t.Helper()
	s := newStandalone(t, filepath.Join(t.TempDir(), "data"), options{})
	if said := s.run(t, "restore", backup); !strings.Contains(said, "sells nothing until") {
		t.Errorf("restore says: %s", said)
	}
	if booksOf != "" {
		replaceBooks(t, booksOf, s.dir)
	}
	return openSystem(t, s)
}

// settledBookings are the bookings of the buyers that are confirmed or cancelled,
// by id.
func settledBookings(t *testing.T, p *platform, buyers []*buyer) map[string]booking {
	t.Helper()
	found := map[string]booking{}
	for _, b := range buyers {
		for _, x := range wholeList[booking](t, p, bookings, "/bookings?limit=100", as(b.a)) {
			if x.Status == "CONFIRMED" || x.Status == "CANCELLED" {
				found[x.ID] = x
			}
		}
	}
	return found
}

// checkRestored holds what was restored to the promises, and what was acknowledged
// before to be there.
func checkRestored(t *testing.T, p *platform, e event, buyers []*buyer, acknowledged map[string]booking) {
	t.Helper()
	s := survey{p: p, event: e}
	for _, b := range buyers {
		s.buyers = append(s.buyers, &buyer{p: p, a: b.a, e: e})
	}
	s.settle(t)
	// What a customer was told after the backup is not in it: each is asked for
	// what the backup has.
	for _, b := range s.buyers {
		for id, x := range s.bookings {
			if x.UserID == b.a.id {
				b.purchases = append(b.purchases, &purchase{ids: []string{id}, refused: x.Status == "FAILED", cancelled: x.Status == "CANCELLED"})
			}
		}
	}
	for _, v := range s.violations() {
		t.Error(v)
	}
	stranger := p.register(t, customer)
	for id, x := range acknowledged {
		if now := s.bookings[id].Status; now != x.Status && now != "CANCELLED" {
			t.Errorf("booking %s was %s before the backup, and is %q in it", id, x.Status, now)
		}
		p.call(t, http.MethodGet, gateway, "/bookings/"+id, as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
	}
	t.Log("restored: " + s.figures())
}

// checkListed compares the report with what the provider knows and the bookings do
// not.
func checkListed(t *testing.T, p *platform, buyers []*buyer, r report) {
	t.Helper()
	has := map[string]bool{}
	for _, b := range buyers {
		for _, x := range wholeList[booking](t, p, bookings, "/bookings?limit=100", as(b.a)) {
			has[x.ID] = true
		}
	}
	books, err := p.books()
	if err != nil {
		t.Fatal(err)
	}
	later := map[string]bool{}
	for id, of := range books {
		if !has[id] && of.captured != of.refunded {
			later[id] = true
		}
	}
	if len(later) == 0 {
		t.Fatal("no charge came after the backup")
	}
	t.Logf("%d charges came after the backup, of %d", len(later), len(books))
	for _, f := range r.Findings {
		if f.Kind != "charge_unknown" {
			continue
		}
		if !later[f.BookingID] {
			t.Errorf("listed as a later charge: %+v", f)
		}
		delete(later, f.BookingID)
	}
	for id := range later {
		t.Errorf("the charge of booking %s is not listed", id)
	}
	logs, err := p.logs()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logs, "sales stay refused") || !strings.Contains(logs, r.ID) {
		t.Error("the log does not say why sales are refused")
	}
}

// buy books a ticket as soon as there are sales, and awaits its mail.
func (p *platform) buy(t *testing.T, c *account, e event) {
	t.Helper()
	var sold booking
	eventually(t, func() error {
		res, err := p.send(http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1}))
		if err == nil && res.status != http.StatusCreated {
			err = fmt.Errorf("no booking: %d %s", res.status, res.body)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(res.body, &sold)
	})
	p.awaitMail(t, sold.ID, mail.confirms)
}

// restoreReport is what the reconciliation after a restore has found.
func (p *platform) restoreReport(t *testing.T) (r report) {
	t.Helper()
	eventually(t, func() error {
		reports, err := all[report](p, bookings, "/admin/reconciliations?limit=100", as(p.admin))
		if err != nil {
			return err
		}
		n := slices.IndexFunc(reports, func(r report) bool { return r.By == "restore" })
		if n < 0 {
			return fmt.Errorf("there is no report yet: %+v", reports)
		}
		r = reports[n]
		return nil
	})
	return r
}
