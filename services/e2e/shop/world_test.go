package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/booking"
	bookingapp "github.com/openboxoffice/boxoffice/services/booking/app"
	bookingdb "github.com/openboxoffice/boxoffice/services/booking/app/onsqlite"
	eventapp "github.com/openboxoffice/boxoffice/services/event/app"
	eventdb "github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	notificationapp "github.com/openboxoffice/boxoffice/services/notification/app"
	notificationdb "github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/user"
	userapp "github.com/openboxoffice/boxoffice/services/user/app"
	userdb "github.com/openboxoffice/boxoffice/services/user/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/gateway"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// app is a service, as its app package builds it.
type app interface {
	Handler() http.Handler
	Run(ctx context.Context) error
	Close() error
}

// platform is the four services in this process, each behind a server of its own.
type platform struct {
	dir       string
	keys      *authtest.Services
	links     booking.LinkKeys
	gateway   string // where the user service is
	ports     webtest.Ports
	organizer string // an access token
}

const site = "https://tickets.example"

// start starts a platform that ends with the test.
func start(t *testing.T) *platform {
	t.Helper()
	p := &platform{dir: t.TempDir(), keys: authtest.New(t)}
	link := config.NewSecret()
	secrets, err := config.Secrets("LINK_KEY", []string{link}, false)
	must(t, err)
	p.links = secrets
	environment := map[string]string{
		"SERVICE_KEYS": strings.Join(p.keys.Public, ","), "TICKET_KEY": config.NewSecret(), "LINK_KEY": link,
		"SANDBOX_DB": filepath.Join(p.dir, "sandbox.db"), "MAIL_DIR": filepath.Join(p.dir, "mail"), "WEB_URL": site,
		"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": organizersPassword, "EVENTS_PER_ORGANIZER": "100000",
	}
	listeners := map[string]net.Listener{}
	for _, service := range []string{"user", "event", "booking", "notification"} {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		listeners[service] = ln
		environment[strings.ToUpper(service)+"_URL"] = "http://" + ln.Addr().String()
		environment[strings.ToUpper(service)+"_SERVICE_KEY"] = p.keys.Private(service)
	}
	p.gateway = environment["USER_URL"]
	environment["JWKS_URL"] = p.gateway + "/.well-known/jwks.json"

	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	broker := inproc.New(inproc.Options{Log: log})
	file := func(service string) string { return filepath.Join(p.dir, service+".db") }
	apps := map[string]app{}
	users, err := userapp.New(ctx, parsed[userapp.Config](t, environment), userapp.Deps{Log: log, OpenDatabase: storage.At(file("user"), userdb.Open), Publisher: broker})
	must(t, err)
	apps["user"] = users
	apps["event"], err = eventapp.New(ctx, parsed[eventapp.Config](t, environment), eventapp.Deps{Log: log, OpenDatabase: storage.At(file("event"), eventdb.Open), Publisher: broker, Subscriber: broker})
	must(t, err)
	apps["notification"], err = notificationapp.New(ctx, parsed[notificationapp.Config](t, environment), notificationapp.Deps{Log: log, OpenDatabase: storage.At(file("notification"), notificationdb.Open), Subscriber: broker})
	must(t, err)
	apps["booking"], err = bookingapp.New(ctx, parsed[bookingapp.Config](t, environment), bookingapp.Deps{Log: log, OpenDatabase: storage.At(file("booking"), bookingdb.Open), Publisher: broker, Subscriber: broker})
	must(t, err)

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	run := func(what string, f func(ctx context.Context) error) {
		all.Go(func() {
			if err := f(running); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	for service, a := range apps {
		run(service+"'s server", func(ctx context.Context) error { return httpkit.Serve(ctx, listeners[service], a.Handler(), log) })
		run(service, a.Run)
	}
	run("the broker", broker.Run)
	t.Cleanup(func() {
		stop()
		all.Wait()
		for _, a := range apps {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	p.ports = p.portsOver(t, nil)
	p.organizer = p.newOrganizer(t, users.Service())
	return p
}

func parsed[Config any](t *testing.T, environment map[string]string) Config {
	t.Helper()
	cfg, err := config.Parse[Config](environment)
	must(t, err)
	return cfg
}

// portsOver is web's adapter with this way to the gateway; nil is the network.
func (p *platform) portsOver(t *testing.T, way http.RoundTripper) *gateway.Gateway {
	t.Helper()
	client := func(timeout time.Duration) *httpkit.Client {
		c, err := httpkit.NewClient(p.gateway, p.keys.Own["web"].TokenFor("user"), timeout)
		must(t, err)
		if way != nil {
			c = c.Through(way)
		}
		return c
	}
	// On a busy machine a page takes its time.
	return gateway.New(client(time.Minute), client(time.Minute))
}

const organizersPassword = "a sparrow in the organ"

// newOrganizer returns the access token of a new organizer.
func (p *platform) newOrganizer(t *testing.T, users *user.Service) string {
	t.Helper()
	_, err := users.Register(t.Context(), user.Registration{Name: "Omar", Email: "omar@example.com", Password: organizersPassword, Role: identity.Organizer})
	must(t, err)
	grant, err := users.Login(t.Context(), "omar@example.com", organizersPassword)
	must(t, err)
	return grant.AccessToken
}

// ask makes a request of the organizer's, and reads the answer into out.
func (p *platform) ask(t *testing.T, method, path string, in, out any) {
	t.Helper()
	b, err := json.Marshal(in)
	must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, p.gateway+path, bytes.NewReader(b))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.organizer)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		var problem any
		_ = json.NewDecoder(res.Body).Decode(&problem)
		t.Fatalf("%s %s: %s %v", method, path, res.Status, problem)
	}
	if out != nil {
		must(t, json.NewDecoder(res.Body).Decode(out))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is the platform for a suite, which asks it through ports.
func (p *platform) world(ports webtest.Ports) webtest.World {
	return webtest.World{
		Ports: ports, AddEvent: p.addEvent, AddImage: p.addImage,
		CancelEvent: func(t *testing.T, id string) { p.ask(t, http.MethodPost, "/events/"+id+"/cancel", struct{}{}, nil) },
		LinkKey:     func(_ *testing.T, id string) string { return p.links.Buyer(&booking.Booking{ID: id}) },
		TicketKey: func(_ *testing.T, id string, ticket web.Ticket) string {
			return p.links.Holder(&booking.Booking{ID: id}, booking.Ticket{Number: ticket.Number, Issue: ticket.Issue})
		},
		MailedToken: p.mailedToken,
	}
}

func (p *platform) addEvent(t *testing.T, e web.Event) web.Event {
	t.Helper()
	body := map[string]any{
		"title": e.Title, "description": e.Description, "category": e.Category, "time_zone": e.Zone.String(),
		"starts_at": e.StartsAt, "ends_at": e.EndsAt, "max_per_booking": e.MaxPerBooking, "transfers": e.Transfers,
		"venue":               map[string]any{"name": e.Venue.Name, "address": e.Venue.Address, "city": e.Venue.City, "country": e.Venue.Country},
		"cancellation_policy": map[string]any{"free_hours": e.CancellationPolicy.FreeHours, "fee_basis_points": e.CancellationPolicy.FeeBasisPoints},
	}
	if !e.DoorsAt.IsZero() {
		body["doors_at"] = e.DoorsAt
	}
	var types []map[string]any
	for _, kind := range e.TicketTypes {
		types = append(types, map[string]any{"name": kind.Name, "price": kind.Price, "capacity": kind.Capacity})
	}
	body["ticket_types"] = types
	var added struct{ ID string }
	p.ask(t, http.MethodPost, "/events", body, &added)
	shown, err := p.ports.Event(t.Context(), web.Caller{}, added.ID)
	must(t, err)
	return shown
}

func (p *platform) addImage(t *testing.T, id string) {
	t.Helper()
	var picture bytes.Buffer
	must(t, jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 1000, 500)), nil))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.gateway+"/events/"+id+"/image", &picture)
	must(t, err)
	req.Header.Set("Content-Type", "image/jpeg")
	req.Header.Set("Authorization", "Bearer "+p.organizer)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode >= 300 {
		t.Fatalf("the picture of an event: %s", res.Status)
	}
}

// linked finds what a link in a mail proves.
var linked = regexp.MustCompile(regexp.QuoteMeta(site) + `/(verify|email|password-reset)/([A-Za-z0-9_-]+)`)

var kinds = map[string]string{"verify": "verification", "email": "email_change", "password-reset": "password_reset"}

func (p *platform) mailedToken(t *testing.T, to, kind string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(p.dir, "mail", "*.eml"))
		must(t, err)
		for _, name := range files {
			b, err := os.ReadFile(name)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			must(t, err)
			text := strings.ReplaceAll(string(b), "=\r\n", "") // a long line is broken
			if !strings.Contains(text, "<"+to+">") {
				continue
			}
			if found := linked.FindStringSubmatch(text); found != nil && kinds[found[1]] == kind {
				return found[2]
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("within a minute no mail %s has come to %s", kind, to)
		}
	}
}
