//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	contracts "github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/e2e/specs"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
	"github.com/openboxoffice/boxoffice/services/standalone"
)

// letter is a dead letter, as an admin sees it.
type letter struct {
	ID         string     `json:"id"`
	Type       string     `json:"type"`
	Subject    string     `json:"subject"`
	Reason     string     `json:"reason"`
	ReplayedAt *time.Time `json:"replayed_at"`
}

func (p *platform) letters(t testing.TB, s service) []letter {
	t.Helper()
	return wholeList[letter](t, p, s, "/dead-letters?limit=100", as(p.admin))
}

func (p *platform) replay(t testing.TB, s service, l letter) *answer {
	t.Helper()
	return p.call(t, http.MethodPost, s, "/dead-letters/"+url.PathEscape(l.ID)+"/replay", as(p.admin))
}

// A message that a consumer cannot handle is stored, and an admin sees it. Once the
// consumer can, it is replayed into that consumer alone.
func TestDaprPoisonMessages(t *testing.T) {
	t.Parallel()
	rabbitmq := rabbittest.New(t)
	p, s := startProcesses(t, setup{sidecars: true, rabbitmq: rabbitmq.URL()})
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(100))

	// Junk, from whoever speaks AMQP, and a confirmation that says nothing: of no
	// use, but not lost. What booking may say one day is ignored.
	rabbitmq.Publish(t, contracts.TopicBookings, []byte("no JSON"))
	for id, kind := range map[string]string{"later": "booking.confirmed.v9", "empty": contracts.TypeBookingConfirmed} {
		rabbitmq.Publish(t, contracts.TopicBookings, seal.Seal(contracts.TopicBookings,
			fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"booking","type":%q,"data":{}}`, id, kind), s.keys.Own["booking"]))
	}
	for _, of := range []service{events, notifications} {
		eventually(t, func() error {
			found := p.letters(t, of)
			return errOf(len(found) == 2, "%s has the dead letters %+v", of, found)
		})
		for _, l := range p.letters(t, of) {
			p.replay(t, of, l).want(t, http.StatusConflict)
		}
	}

	for _, of := range []service{events, notifications} {
		other := map[service]service{events: notifications, notifications: events}[of]
		r := s.of(of)[0]
		path, env := r.path, r.env
		swap := func(path string, env []string) {
			r.kill()
			r.path, r.env = path, env
			if err := r.start(); err != nil {
				t.Fatal(err)
			}
			if err := s.listening(); err != nil {
				t.Fatal(err)
			}
		}
		swap(os.Args[0], append(env[:len(env):len(env)], olderEnv+"="+string(of)))
		b := p.book(t, c, e, 1)
		var poison letter
		eventually(t, func() error {
			for _, l := range p.letters(t, of) {
				if l.Subject == b.ID {
					poison = l
					return nil
				}
			}
			return fmt.Errorf("%s has no dead letter about %s", of, b.ID)
		})
		if poison.Type != contracts.TypeBookingConfirmed || !strings.Contains(poison.Reason, poison.Type) {
			t.Errorf("%s says of it: %+v", of, poison)
		}
		swap(path, env) // the fix
		p.replay(t, of, poison).want(t, http.StatusOK)
		p.replay(t, of, poison) // once more: no harm
		eventually(t, func() error {
			mails, err := p.mails()
			if err != nil {
				return err
			}
			told, _, _ := mailsAbout(mails)
			return errOf(told[b.ID] == 1, "%d mails confirm %s", told[b.ID], b.ID)
		})
		for _, l := range p.letters(t, of) {
			if l.ID == poison.ID && l.ReplayedAt == nil {
				t.Errorf("%s does not know that it was replayed: %+v", of, l)
			}
		}
		for _, l := range p.letters(t, other) {
			if l.Subject == b.ID {
				t.Errorf("%s, who had understood it, has a dead letter: %+v", other, l)
			}
		}
		t.Logf("%s: stored, listed and replayed into it alone; a mail of it = 1", of)
	}
	// Sold means that it cannot be deleted.
	p.call(t, http.MethodDelete, events, "/events/"+e.ID, as(p.admin)).want(t, http.StatusConflict)
}

// The README's tour under Dapr, and what of it RabbitMQ sees: one message for
// each booking, and one for the end of the first, as AsyncAPI has them.
func TestDaprReadmeTour(t *testing.T) {
	t.Parallel()
	rabbitmq := rabbittest.New(t)
	p, _ := startProcesses(t, setup{options: options{noProxies: true}, sidecars: true, rabbitmq: rabbitmq.URL()})
	rabbitmq.Declare(t, rabbittest.Binding{Exchange: contracts.TopicBookings, Queue: "onlooker"})
	if _, err := standalone.Seed(t.Context(), p.url(gateway, ""), standalone.SampleOrganizer); err != nil {
		t.Fatal(err)
	}
	tour(t, p)
	asyncapi, err := specs.NewMessages()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	eventually(t, func() error {
		for _, body := range rabbitmq.Take(t, "onlooker") {
			var m contracts.Message // and the seal
			if err := json.Unmarshal(body, &m); err != nil {
				return final{fmt.Errorf("%w: %s", err, body)}
			}
			count[m.Type]++
			if _, err := asyncapi.Check(contracts.TopicBookings, body); err != nil {
				t.Error(err)
			}
		}
		return errOf(count[contracts.TypeBookingCancelled] > 0, "RabbitMQ has seen %v", count)
	})
	if count[contracts.TypeBookingConfirmed] != 2 || count[contracts.TypeBookingCancelled] != 1 {
		t.Errorf("RabbitMQ has seen %v", count)
	}
	t.Logf("the tour by sidecars: RabbitMQ has seen %v", count)
}

// entries is how many entries of booking's outbox are not closed, and how many
// of these its sidecar has called published.
func entries(t testing.TB, dsn string) (open, published int) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	if err := c.QueryRow(t.Context(), `SELECT count(*), count(published_at) FROM outbox WHERE closed_at IS NULL`).Scan(&open, &published); err != nil {
		t.Fatal(err)
	}
	return open, published
}

// RabbitMQ refuses messages, which the sidecar calls published, and then loses
// those that it took. An entry of the outbox is closed only when every consumer
// knows it, and whatever was lost is published again.
func TestDaprBrokerThatLosesMessages(t *testing.T) {
	t.Parallel()
	const sold = 8
	rabbitmq := rabbittest.New(t)
	p, s := startProcesses(t, setup{sidecars: true, rabbitmq: rabbitmq.URL()})
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(100))
	p.book(t, c, e, 1)
	eventually(t, func() error {
		n, _ := entries(t, s.databases[bookings])
		return errOf(n == 0, "%d entries are open, and everybody is there", n)
	})

	away := s.of(notifications)[0]
	away.kill()
	away.sidecar.kill()
	const queue = "notification-bookings"
	relieve := rabbitmq.Full(t, queue, 2)
	for range sold {
		p.book(t, c, e, 1)
	}
	eventually(t, func() error {
		_, n := entries(t, s.databases[bookings])
		return errOf(n == sold, "the sidecar calls %d of %d published", n, sold)
	})
	relieve()
	lost := len(rabbitmq.Take(t, queue))
	if lost >= sold {
		t.Errorf("RabbitMQ had %d of %d messages, and was to refuse some", lost, sold)
	}
	if n, _ := entries(t, s.databases[bookings]); n != sold {
		t.Errorf("%d of %d entries are open, and notification knows none", n, sold)
	}
	if err := away.start(); err != nil {
		t.Fatal(err)
	}
	if err := away.sidecar.begin(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		n, _ := entries(t, s.databases[bookings])
		return errOf(n == 0, "%d entries are open", n)
	})
	var mails []mail
	eventually(t, func() (err error) {
		mails, err = p.mails()
		return errOf(err == nil && len(mails) >= sold+1, "%d of %d mails, %v", len(mails), sold+1, err)
	})
	told, _, violations := mailsAbout(mails)
	if len(mails) != sold+1 || len(told) != sold+1 || len(violations) > 0 {
		t.Errorf("%d mails for %d bookings of %d: %v", len(mails), len(told), sold+1, violations)
	}
	t.Logf("of %d messages that the sidecar called published, RabbitMQ refused %d and lost %d; all came again: mails lost = 0, duplicates = 0",
		sold, sold-lost, lost)
}
