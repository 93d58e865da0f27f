package standalone

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/user"
	userapp "github.com/openboxoffice/boxoffice/services/user/app"
)

func onFreePorts(dir, userAddr string) Config {
	const free = "127.0.0.1:0"
	return Config{DataDir: dir, WebAddr: free, UserAddr: userAddr, EventAddr: free, BookingAddr: free, NotificationAddr: free, SampleData: true}
}

func TestOneProcessWorksOnTheData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := Open(t.Context(), onFreePorts(dir, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), onFreePorts(dir, "127.0.0.1:0")); err == nil || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("a second process on the same data: %v", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	p, err = Open(t.Context(), onFreePorts(dir, "127.0.0.1:0"))
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
}

// The shop asks the gateway in this process, for its visitors.
func TestTheShopShowsTheSampleEvents(t *testing.T) {
	t.Parallel()
	from, to := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	cfg := onFreePorts(t.TempDir(), "127.0.0.1:0")
	go func() {
		err := Run(ctx, cfg, to)
		_ = to.Close() // whoever reads on is told that nothing comes
		ran <- err
	}()
	defer func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	var shop string
	for said := bufio.NewScanner(from); shop == "" && said.Scan(); {
		if words := strings.Fields(said.Text()); len(words) >= 2 && strings.HasPrefix(words[1], "http") {
			if words[0] != "shop" {
				t.Fatalf("it says first where the %s is, want the shop", words[0])
			}
			shop = words[1]
		}
	}
	if shop == "" {
		t.Fatal("it ended before it said where the shop is")
	}
	go func() { _, _ = io.Copy(io.Discard, from) }()
	res, err := http.Get(shop + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || !strings.Contains(string(page), "Go Days Paris") {
		t.Errorf("%s, error %v, without the sample events", res.Status, err)
	}
}

// accounts are the use cases of p's user service.
func accounts(p *Platform) *user.Service { return p.user.app.(*userapp.App).Service() }

// The sample admin's password stands in the README: what was made on loopback
// must not be opened to others.
func TestSampleLoginsStayOnThisMachine(t *testing.T) {
	t.Setenv("PAYMENTS", "sandbox") // so it does not run in parallel
	t.Setenv("SMTP_URL", "folder")
	t.Setenv("SMS_URL", "none")
	dir := t.TempDir()
	p, err := Open(t.Context(), onFreePorts(dir, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), onFreePorts(dir, "0.0.0.0:0")); err == nil || !strings.Contains(err.Error(), SampleAdmin.Email) {
		t.Errorf("opened to others with the sample admin: %v", err)
	}

	p, err = Open(t.Context(), onFreePorts(t.TempDir(), "0.0.0.0:0"))
	if err != nil {
		t.Fatalf("opened to others from the start: %v", err)
	}
	defer func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}()
	if !strings.HasPrefix(p.user.url(), "http://127.0.0.1:") {
		t.Errorf("this machine is told to reach it at %s", p.user.url())
	}
	for _, l := range []Login{SampleAdmin, SampleOrganizer, SampleCustomer} {
		if _, err := accounts(p).Login(t.Context(), l.Email, l.Password); err == nil {
			t.Errorf("%s can log in", l.Email)
		}
	}
}

// A proxy in front lets others reach loopback addresses.
func TestSampleLoginsDoNotStandBehindAProxy(t *testing.T) {
	t.Setenv("TRUSTED_PROXIES", "127.0.0.1/32") // so it does not run in parallel
	t.Setenv("PAYMENTS", "sandbox")
	t.Setenv("SMTP_URL", "folder")
	t.Setenv("SMS_URL", "none")
	dir := t.TempDir()
	cfg := onFreePorts(dir, "127.0.0.1:0")
	cfg.TrustedProxies = "127.0.0.1/32"
	p, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.seedOnce(t.Context()); err != nil {
		t.Errorf("seeding: %v", err)
	}
	for _, l := range []Login{SampleAdmin, SampleOrganizer, SampleCustomer} {
		if _, err := accounts(p).Login(t.Context(), l.Email, l.Password); !errors.Is(err, user.ErrInvalidGrant) {
			t.Errorf("logging in as %s: %v, want ErrInvalidGrant", l.Email, err)
		}
	}
	// Nobody makes them later, "boxoffice seed" on this machine neither.
	if _, err := accounts(p).Register(t.Context(), user.Registration{
		Email: SampleOrganizer.Email, Password: SampleOrganizer.Password, Name: SampleOrganizer.Name, Role: SampleOrganizer.Role,
	}); !errors.Is(err, user.ErrPasswordTooCommon) {
		t.Errorf("registering with a sample password: %v, want ErrPasswordTooCommon", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}

	// What was tried out before the proxy came does not start behind it.
	t.Setenv("TRUSTED_PROXIES", "")
	cfg = onFreePorts(t.TempDir(), "127.0.0.1:0")
	if p, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRUSTED_PROXIES", "127.0.0.1/32")
	cfg.TrustedProxies = "127.0.0.1/32"
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), SampleAdmin.Email) {
		t.Errorf("behind a proxy with the sample admin: %v", err)
	}
}

// The sample organizer needs no mailbox.
func TestSampleEventsArePublishedWhereMailIsSent(t *testing.T) {
	t.Setenv("SMTP_URL", "smtp://127.0.0.1:1?tls=none") // so it does not run in parallel
	ctx, stop := context.WithCancel(t.Context())
	p, err := Open(ctx, onFreePorts(t.TempDir(), "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx) }()
	added, err := Seed(ctx, p.user.url(), SampleOrganizer)
	if err != nil || added == 0 {
		t.Errorf("%d sample events are added, %v", added, err)
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// Others would book without paying, and wait for mails and SMS that reach nobody.
func TestAPublicPlatformSaysWhoTakesTheMoneyAndWhoSends(t *testing.T) {
	t.Setenv("PAYMENTS", "sandbox") // so it does not run in parallel
	t.Setenv("SMTP_URL", "folder")
	t.Setenv("SMS_URL", "none")
	behind := onFreePorts(t.TempDir(), "127.0.0.1:0")
	behind.TrustedProxies = "127.0.0.1/32"
	for how, cfg := range map[string]Config{"behind a proxy": behind, "on every address": onFreePorts(t.TempDir(), "0.0.0.0:0")} {
		for variable, first := range map[string]string{"PAYMENTS": "booking", "SMTP_URL": "event", "SMS_URL": "notification"} {
			value := os.Getenv(variable)
			t.Setenv(variable, "")
			p, err := Open(t.Context(), cfg)
			if err == nil {
				err = errors.Join(p.close(), errors.New("it starts"))
			}
			if !strings.Contains(err.Error(), first+": "+variable+" is not set") {
				t.Errorf("%s: %v", how, err)
			}
			t.Setenv(variable, value)
		}
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	for proxies, want := range map[string]bool{"": true, " , ": true, "127.0.0.1": false, "10.0.0.0/8,::1": false} {
		cfg := onFreePorts("", "127.0.0.1:80")
		cfg.TrustedProxies = proxies
		if got := cfg.private(); got != want {
			t.Errorf("with the proxies %q it is private: %v, want %v", proxies, got, want)
		}
	}
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "127.9.9.9:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.1:80": false, "example.com:80": false, "80": false, "": false,
	} {
		if got := onFreePorts("", addr).private(); got != want {
			t.Errorf("%q is private: %v", addr, got)
		}
	}
}
