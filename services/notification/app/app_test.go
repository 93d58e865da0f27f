package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/notification/app"
	"github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
)

func TestAConfirmedBookingIsMailedAndListed(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "+4930123456")
	b := booking("ada")
	id := p.publish(events.TypeBookingConfirmed, b)
	list := func() []map[string]any {
		return p.call(p.token("ada", "customer"), "GET", "/notifications?status=SENT&booking_id="+strings.ToUpper(b.BookingID), "").Items
	}
	p.eventually("mail and SMS are SENT", func() bool { return len(list()) == 2 })
	for _, n := range list() {
		for _, at := range []string{"created_at", "sent_at"} {
			if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(n[at])); err != nil || !strings.HasSuffix(fmt.Sprint(n[at]), "Z") {
				t.Errorf("%s is %v", at, n[at])
			}
			delete(n, at)
		}
		if uuid.Validate(fmt.Sprint(n["id"])) != nil {
			t.Errorf("its id is %v", n["id"])
		}
		delete(n, "id")
		want := map[string]any{
			"booking_id": b.BookingID, "user_id": "ada", "channel": n["channel"], "status": "SENT", "attempts": 1.0,
			"subject": "Booking confirmed: Concert", "to": map[any]any{"email": "ada@example.com", "sms": "+4930123456"}[n["channel"]],
		}
		if diff := cmp.Diff(want, n); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if n := p.mails(); n != 1 {
		t.Errorf("%d mails in the folder, want 1", n)
	}
	got := p.call(p.service("booking"), "POST", "/receipts", fmt.Sprintf(`{"ids": [%q, %q]}`, id, uuid.NewString()))
	if diff := cmp.Diff([]string{id}, got.Known); got.Status != http.StatusOK || diff != "" {
		t.Errorf("%d, receipts (-want +got):\n%s", got.Status, diff)
	}
	p.stop()
	mail, err := filepath.Glob(filepath.Join(p.dir, "mail", "*.eml"))
	must(t, err)
	sent, err := os.ReadFile(mail[0])
	must(t, err)
	for _, part := range []string{"multipart/related", "application/pdf", "image/png"} {
		if !strings.Contains(string(sent), part) {
			t.Errorf("the mail has no %s", part)
		}
	}
	kept, err := os.ReadFile(filepath.Join(p.dir, "notification.db"))
	must(t, err)
	for _, secret := range []string{code, linkKey} {
		if strings.Contains(string(kept)+p.log.String(), secret) {
			t.Errorf("the database or the log has %q", secret)
		}
	}
	if s := p.log.String(); strings.Contains(s, "@example.com") || strings.Contains(s, "4930123456") || !strings.Contains(s, b.BookingID) {
		t.Errorf("the log has an address or a number, or not the booking:\n%s", s)
	}
}

func TestOnlyTheOwner(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "")
	mine, other := booking("ada"), booking("bob")
	p.publish(events.TypeBookingConfirmed, mine)
	p.publish(events.TypeBookingConfirmed, other)
	admin := p.token("root", "admin")
	p.eventually("both are SENT", func() bool { return len(p.call(admin, "GET", "/notifications?status=SENT", "").Items) == 2 })

	for path, want := range map[string]int{
		"/notifications": 1, "/notifications?booking_id=" + mine.BookingID: 1, "/notifications?booking_id=" + other.BookingID: 0,
		"/notifications?status=PENDING": 0,
	} {
		a := p.call(p.token("ada", "customer"), "GET", path, "")
		if a.Status != http.StatusOK || len(a.Items) != want {
			t.Errorf("GET %s: %d with %d items, want %d", path, a.Status, len(a.Items), want)
		}
	}
	for _, test := range []struct {
		auth, method, path, body string
		status                   int
		code                     string
	}{
		{"", "GET", "/notifications", "", 401, "unauthenticated"},
		{"Bearer nonsense", "GET", "/notifications", "", 401, "invalid_token"},
		{p.token("ada", "customer"), "GET", "/notifications/test", "", 403, "forbidden"},
		{p.token("ada", "organizer"), "POST", "/notifications/test", "", 403, "forbidden"},
		{p.token("ada", "customer"), "GET", "/dead-letters", "", 403, "forbidden"},
		{admin, "POST", "/receipts", `{"ids":["` + uuid.NewString() + `"]}`, 401, "unauthenticated"},
		{"service wrong", "POST", "/receipts", `{"ids":["` + uuid.NewString() + `"]}`, 401, "invalid_token"},
		{p.service("event"), "POST", "/receipts", `{"ids":["` + uuid.NewString() + `"]}`, 403, "forbidden"},
		{p.service("booking"), "GET", "/notifications", "", 401, "unauthenticated"},
	} {
		if a := p.call(test.auth, test.method, test.path, test.body); a.Status != test.status || a.Code != test.code {
			t.Errorf("%s %s: %d %s, want %d %s", test.method, test.path, a.Status, a.Code, test.status, test.code)
		}
	}
}

func TestGarbageIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "")
	admin := p.token("root", "admin")
	for query, code := range map[string]string{
		"limit=-1": "validation_failed", "limit=0": "validation_failed", "limit=101": "validation_failed", "limit=x": "validation_failed",
		"limit=99999999999999999999": "validation_failed", "status=RESOLVING": "validation_failed", "status=sent": "validation_failed",
		"booking_id=7": "validation_failed", "cursor=x": "invalid_cursor", "cursor=e30": "invalid_cursor", "cursor=bnVsbA": "invalid_cursor",
		"cursor=" + url.QueryEscape("eyJ0IjoiMDAwMS0wMS0wMVQwMDowMDowMFoiLCJpZCI6IngifQ"): "invalid_cursor",
		"cursor=eyJkZWFkX2xldHRlciI6IngifQ":                                               "invalid_cursor", // of the list of dead letters
		"cursor=%ff":                                                                      "bad_request", "cursor=" + strings.Repeat("a", 2000): "invalid_cursor",
	} {
		a := p.call(admin, "GET", "/notifications?"+query, "")
		if a.Code != code || a.Status < 400 || a.Status > 499 {
			t.Errorf("?%s: %d %s, want %s", query, a.Status, a.Code, code)
		}
	}
}

func TestPagesHaveEverything(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "")
	for range 7 {
		p.publish(events.TypeBookingConfirmed, booking("ada"))
	}
	token := p.token("ada", "customer")
	p.eventually("all are SENT", func() bool { return len(p.call(token, "GET", "/notifications?status=SENT", "").Items) == 7 })
	seen, sizes, path := map[any]bool{}, []int{}, "/notifications?limit=3"
	for next := path; next != ""; {
		a := p.call(token, "GET", next, "")
		for _, n := range a.Items {
			seen[n["id"]] = true
		}
		sizes = append(sizes, len(a.Items))
		if next = ""; a.NextCursor != nil {
			next = path + "&cursor=" + *a.NextCursor
		}
	}
	if diff := cmp.Diff([]int{3, 3, 1}, sizes); diff != "" || len(seen) != 7 {
		t.Errorf("%d different ones; sizes (-want +got):\n%s", len(seen), diff)
	}
}

func TestTestMails(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "")
	for i, method := range []string{"GET", "POST"} {
		a := p.call(p.token("root", "admin"), method, "/notifications/test", "")
		if a.Status != http.StatusOK || a.All["status"] != "SENT" || a.All["to"] != "root@example.com" || a.All["sent_at"] == nil {
			t.Errorf("%s: %d %v", method, a.Status, a.All)
		}
		if n := p.mails(); n != i+1 {
			t.Errorf("%d mails in the folder, want %d", n, i+1)
		}
	}
}

func TestAMailServerThatIsDownShowsInTheList(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "", func(c *app.Config) { c.SMTPURL = "smtp://127.0.0.1:1?tls=none" })
	a := p.call(p.token("root", "admin"), "POST", "/notifications/test", "")
	sentAt, shown := a.All["sent_at"]
	if a.All["status"] != "PENDING" || a.All["error"] != "the mail server cannot be reached" || sentAt != nil || !shown {
		t.Errorf("%d %v", a.Status, a.All)
	}
}

func TestPoisonBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "")
	poison := p.publish(events.TypeBookingConfirmed, map[string]any{"booking_id": 7})
	admin := p.token("root", "admin")
	p.eventually("it is a dead letter", func() bool { return len(p.call(admin, "GET", "/dead-letters", "").Items) == 1 })
	if a := p.call(admin, "POST", "/dead-letters/"+poison+"/replay", ""); a.Status != http.StatusConflict || a.Code != "replay_failed" {
		t.Errorf("replay: %d %s", a.Status, a.Code)
	}
	if a := p.call(p.service("booking"), "POST", "/receipts", fmt.Sprintf(`{"ids": [%q]}`, poison)); len(a.Known) != 1 {
		t.Errorf("a dead letter has no receipt: %v", a.All)
	}
	p.publish(events.TypeBookingConfirmed, booking("ada"))
	p.eventually("what follows goes out", func() bool { return p.mails() == 1 })
}

// Releases up to 1.0 stored messages of an unknown type as dead letters. A replay
// ignores them, as it ignores those that come now.
func TestADeadLetterOfAnUnknownTypeCanBeReplayed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := onsqlite.Open(t.Context(), filepath.Join(dir, "notification.db"))
	must(t, err)
	for _, topic := range []string{events.TopicBookings, events.TopicUsers} {
		must(t, db.Inbox.PutDeadLetter(t.Context(), inbox.DeadLetter{
			ID: topic, Topic: topic, Message: events.Message{ID: topic, Type: "something.new.v1"}, FailedAt: time.Now(),
		}))
	}
	must(t, db.Close())
	p := start(t, dir, "")
	for _, topic := range []string{events.TopicBookings, events.TopicUsers} {
		if a := p.call(p.token("root", "admin"), "POST", "/dead-letters/"+topic+"/replay", ""); a.Status != http.StatusOK {
			t.Errorf("replay of %s: %d %s", topic, a.Status, a.Code)
		}
	}
}

func TestARestartGoesOnWhereTheLastEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "", func(c *app.Config) { c.SMTPURL = "smtp://127.0.0.1:1?tls=none" })
	for range 5 {
		p.publish(events.TypeBookingConfirmed, booking("ada"))
	}
	p.eventually("they are stored", func() bool {
		return len(p.call(p.token("ada", "customer"), "GET", "/notifications?status=PENDING", "").Items) == 5
	})
	p.stop()
	p = start(t, dir, "")
	p.eventually("they are SENT", func() bool {
		return len(p.call(p.token("ada", "customer"), "GET", "/notifications?status=SENT", "").Items) == 5
	})
	if n := p.mails(); n != 5 {
		t.Errorf("%d mails, want 5", n)
	}
}

func TestBadConfigurationStopsTheStart(t *testing.T) {
	t.Parallel()
	services := authtest.New(t)
	for variable, changes := range map[string][]func(c *app.Config){
		"NOTIFICATION_SERVICE_KEY": {
			func(c *app.Config) { c.ServiceKey = "a secret" }, func(c *app.Config) { c.ServiceKey = services.Private("booking") },
		},
		"SERVICE_KEYS":    {func(c *app.Config) { c.ServiceKeys = services.Public[:1] }},
		"TRUSTED_PROXIES": {func(c *app.Config) { c.TrustedProxies = []string{"somewhere"} }},
		"SMTP_URL":        {func(c *app.Config) { c.SMTPURL = "smtp://u:secret@h?tls=maybe" }},
		"MAIL_FROM":       {func(c *app.Config) { c.MailFrom = "nobody" }},
		"SMS_URL":         {func(c *app.Config) { c.SMSURL = "ftp://x" }},
		"MAIL_RETRY_BASE": {func(c *app.Config) { c.RetryBase = 0 }, func(c *app.Config) { c.RetryBase = -time.Second }},
		"MAIL_RETRY_MAX": {
			func(c *app.Config) { c.RetryMax = 0 }, func(c *app.Config) { c.RetryMax = c.RetryBase - 1 },
			func(c *app.Config) { c.RetryMax = 1 << 62 },
		},
		"MAIL_MAX_ATTEMPTS": {func(c *app.Config) { c.MaxAttempts = 0 }, func(c *app.Config) { c.MaxAttempts = -1 }},
		"MAIL_SEND_TIMEOUT": {
			func(c *app.Config) { c.SendTimeout = 0 }, func(c *app.Config) { c.SendTimeout = -time.Second },
			func(c *app.Config) { c.SendTimeout = 1 << 62 },
		},
		"MAIL_RETENTION": {func(c *app.Config) { c.Retention = 0 }, func(c *app.Config) { c.Retention = 24*time.Hour - 1 }},
		"MAIL_FREE_RECIPIENT_QUOTA": {
			func(c *app.Config) { c.FreeRecipientQuota = 0 }, func(c *app.Config) { c.FreeRecipientQuota = 1001 },
		},
		"MAIL_FREE_ACCOUNT_QUOTA": {func(c *app.Config) { c.FreeAccountQuota = 0 }, func(c *app.Config) { c.FreeAccountQuota = 1001 }},
		"MAIL_WORKERS":            {func(c *app.Config) { c.Workers = 0 }, func(c *app.Config) { c.Workers = -4 }, func(c *app.Config) { c.Workers = 1 << 40 }},
	} {
		for _, change := range changes {
			cfg := config(services, t.TempDir(), "http://127.0.0.1:1")
			change(&cfg)
			a, err := app.New(t.Context(), cfg, app.Deps{Log: quiet})
			if err == nil || a != nil || !strings.Contains(err.Error(), variable) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v, %v", variable, a, err)
			}
		}
	}
}
