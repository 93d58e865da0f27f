package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// A service is one of the four, by the name under which its address is known.
type service string

// The services. The gateway is the user service: everything that a client may
// do is reachable there.
const (
	gateway       service = "user"
	events        service = "event"
	bookings      service = "booking"
	notifications service = "notification"
)

var services = []service{gateway, events, bookings, notifications}

// options are what tests vary of a platform.
type options struct {
	smtpURL       string // mail goes to this server, else to where mails are read from
	racyInventory bool   // the event service oversells: for a control run
	noProxies     bool   // X-Forwarded-For of this machine is not believed
	stripeURL     string // Stripe, which is there, takes the money; else the sandbox does
	checkoutTTL   string // how long tickets are held for a customer; "" for a minute with Stripe, else ten
}

// system is one way to run the platform.
type system interface {
	// start starts every process on the data that is there.
	start() error
	// ready waits until every service can work and returns their addresses.
	ready() (map[service]string, error)
	// kill ends every process at once, as kill -9 does.
	kill()
	// stop asks every process to end, waits until they have, and returns an
	// error when one does not end well.
	stop() error
	// mails are what was mailed, where no SMTP server was given.
	mails() ([]mail, error)
	// logs is everything that the processes have logged.
	logs() (string, error)
}

// platform is a running Boxoffice.
type platform struct {
	system
	admin  *account // logged in
	client *http.Client
	// provider is who takes the money; nil where the sandbox does.
	provider *stripetest.Server
	// checkouts says that buyers hold tickets first, too: those end soon.
	checkouts bool
	// witness, if any, sees what came of each request, and when it was made.
	witness func(began time.Time, a *answer, err error)

	mu        sync.RWMutex
	addresses map[service]string
}

// The admin that every platform is started with.
const (
	adminEmail    = "admin@e2e.example"
	adminPassword = "admin of the e2e suite"
)

// start returns a platform of the test's own, which ends with the test.
func start(t testing.TB, o options) *platform {
	t.Helper()
	p, err := open(chosen.new(t, t.TempDir(), o))
	if p != nil {
		p.checkouts = o.checkoutTTL != ""
		t.Cleanup(func() { p.end(t) })
	}
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return p
}

// open starts s. With an error, the platform returned is to be ended too.
func open(s system) (*platform, error) {
	p := &platform{system: s, client: newHTTPClient()}
	if err := p.start(); err != nil {
		return p, err
	}
	return p, p.awaitReady()
}

// end kills the processes; when the test has failed it says what they logged
// last.
func (p *platform) end(t testing.TB) {
	p.kill()
	if t.Failed() {
		t.Log(p.lastWords())
		p.keepLogs(t)
	}
	p.client.CloseIdleConnections()
}

// keepLogs keeps all that was logged in the folder that E2E_LOGS names, if it
// does.
func (p *platform) keepLogs(t testing.TB) {
	dir := os.Getenv("E2E_LOGS")
	if dir == "" {
		return
	}
	logs, err := p.logs()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_")+".log"), []byte(logs), 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// lastWords is the end of the logs, without what is only for information.
func (p *platform) lastWords() string {
	logs, err := p.logs()
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(logs, "\n"), func(s string) bool { return strings.Contains(s, `"level":"INFO"`) })
	return "the platform's last words:\n" + strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// awaitReady takes in where the services are now, and logs the admin in the
// first time.
func (p *platform) awaitReady() error {
	addresses, err := p.ready()
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.addresses = addresses
	p.mu.Unlock()
	for _, s := range services {
		if err := poll(patience, func() error {
			a, err := p.send(http.MethodGet, s, "/readyz")
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("%s is not ready: %s", s, a.body)
			}
			return err
		}); err != nil {
			return err
		}
	}
	if p.admin == nil {
		return p.loginAdmin()
	}
	return nil
}

func (p *platform) loginAdmin() error {
	admin := &account{email: adminEmail, password: adminPassword, address: nextAddress()}
	if err := p.login(admin); err != nil {
		return fmt.Errorf("log in as admin: %w", err)
	}
	p.admin = admin
	return nil
}

// restart starts the processes again, on the same data.
func (p *platform) restart(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatalf("restart: %v", err)
	}
	if err := p.awaitReady(); err != nil {
		t.Fatalf("restart: %v", err)
	}
}

// url is where the path is to be found at this moment.
func (p *platform) url(s service, path string) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.addresses[s] + path
}

var common struct {
	sync.Mutex
	p     *platform
	login time.Time // the admin's
}

// loginLife is for how long a test may begin on the shared admin's access
// token, which is good for 15 minutes.
const loginLife = 8 * time.Minute

// shared returns a platform that tests use together: each with accounts and
// events of its own, none stopping it or looking at all that there is.
func shared(t testing.TB) *platform {
	t.Helper()
	common.Lock()
	defer common.Unlock()
	if common.p == nil {
		dir := filepath.Join(workDir, "shared")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		p, err := open(chosen.new(outliving{t}, dir, options{}))
		if err != nil {
			p.kill()
			t.Fatalf("start the shared platform: %v\n%s", err, p.lastWords())
		}
		common.p, common.login = p, time.Now()
	}
	if time.Since(common.login) > loginLife {
		// A new value: tests that run have the old one.
		p := &platform{system: common.p.system, client: common.p.client, addresses: common.p.addresses}
		if err := p.loginAdmin(); err != nil {
			t.Fatal(err)
		}
		common.p, common.login = p, time.Now()
	}
	p := common.p
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.lastWords())
		}
	})
	return p
}

// stopShared ends the shared platform, which must not object.
func stopShared() error {
	if common.p == nil {
		return nil
	}
	if err := common.p.stop(); err != nil {
		return fmt.Errorf("the shared platform does not end well: %w\n%s", err, common.p.lastWords())
	}
	return nil
}
