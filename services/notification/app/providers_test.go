package app_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/notification/app"
)

// Mails in a folder and SMS in the log reach nobody. Where others can reach the
// platform, they go there only where somebody wants it.
func TestMailsAndSMSReachNobodyOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	const (
		noMail, noSMS = "SMTP_URL is not set, and this platform is reachable from elsewhere", "SMS_URL is not set, and this platform is reachable from elsewhere"
		server        = "smtp://mail.example"
		gateway       = "https://sms.example"
		own           = "Shop <tickets@shop.test>"
		noSender      = "MAIL_FROM is an example address, and this platform is reachable from elsewhere"
	)
	opened := errors.New("everything before the database is there")
	keys := authtest.New(t)
	for name, c := range map[string]struct {
		addr              string
		published, public bool
		sidecar           uint16
		proxies           []string
		smtp, sms, from   string
		fails             string
		warnings          []string
	}{
		"on loopback":                                             {addr: "127.0.0.1:1"},
		"on loopback, asked for":                                  {addr: "127.0.0.1:1", smtp: "folder", sms: "log"},
		"on every address":                                        {addr: "0.0.0.0:1", fails: noMail},
		"without a host":                                          {addr: ":1", fails: noMail},
		"on loopback, behind a proxy":                             {addr: "127.0.0.1:1", proxies: []string{"127.0.0.1"}, fails: noMail},
		"in a platform that others reach":                         {addr: "127.0.0.1:1", public: true, fails: noMail},
		"published locally, but others reach it":                  {addr: "0.0.0.0:1", published: true, public: true, fails: noMail},
		"in a container, published locally":                       {addr: "0.0.0.0:1", published: true},
		"without an SMS gateway":                                  {addr: "0.0.0.0:1", smtp: server, fails: noSMS},
		"in a platform that others reach, without an SMS gateway": {addr: "127.0.0.1:1", public: true, smtp: "folder", fails: noSMS},
		"on every address, with both":                             {addr: "0.0.0.0:1", smtp: server, sms: gateway, from: own},
		"on every address, without SMS":                           {addr: "0.0.0.0:1", smtp: server, sms: "none", from: own},
		"on loopback, with the example's sender":                  {addr: "127.0.0.1:1", smtp: server, sms: gateway},
		"on every address, with the example's sender":             {addr: "0.0.0.0:1", smtp: server, sms: gateway, fails: noSender},
		"behind a sidecar, with the example's sender":             {addr: "127.0.0.1:1", sidecar: 1, smtp: server, sms: gateway, fails: noSender},
		"on every address, with another example's sender":         {addr: "0.0.0.0:1", smtp: server, sms: gateway, from: "Shop <shop@SHOP.Example>", fails: noSender},
		"behind a sidecar":                                        {addr: "127.0.0.1:1", sidecar: 1, fails: noMail},
		"behind a sidecar, published locally":                     {addr: "127.0.0.1:1", sidecar: 1, published: true},
		"on every address, asked for":                             {addr: "0.0.0.0:1", smtp: "folder", sms: "log", warnings: []string{"SMTP_URL is folder", "SMS_URL is log"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			cfg := config(keys, t.TempDir(), "http://127.0.0.1:1")
			cfg.Addr, cfg.PublishedLocally, cfg.TrustedProxies, cfg.SMTPURL, cfg.SMSURL = c.addr, c.published, c.proxies, c.smtp, c.sms
			cfg.Sidecar, cfg.MailFrom = sidecar.Config{Port: c.sidecar, APIToken: "a", AppToken: "b"}, cmp.Or(c.from, cfg.MailFrom)
			_, err := app.New(t.Context(), cfg, app.Deps{
				Log: slog.New(slog.NewTextHandler(&log, nil)), Public: c.public,
				OpenDatabase: func(context.Context) (*app.Database, error) { return nil, opened },
			})
			if c.fails == "" && !errors.Is(err, opened) || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			var warnings []string
			for _, warning := range []string{"SMTP_URL is folder", "SMS_URL is log"} {
				if strings.Contains(log.String(), warning) {
					warnings = append(warnings, warning)
				}
			}
			if !slices.Equal(warnings, c.warnings) {
				t.Errorf("it warned of %q, want %q", warnings, c.warnings)
			}
		})
	}
}

// What nobody gets is not reported as sent.
func TestWithoutSMSThereAreNone(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "+4930123456", func(c *app.Config) { c.SMSURL = "none" })
	p.publish(events.TypeBookingConfirmed, booking("ada"))
	p.eventually("the mail is SENT", func() bool {
		return len(p.call(p.token("ada", "customer"), "GET", "/notifications?status=SENT", "").Items) == 1
	})
	for _, n := range p.call(p.token("ada", "customer"), "GET", "/notifications", "").Items {
		if n["channel"] != "email" {
			t.Errorf("there is one by %v", n["channel"])
		}
	}
}
