package html

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

func TestSlug(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Night Trains: The Accordion Sessions": "night-trains-the-accordion-sessions",
		"Ärger im Paradies":                    "aerger-im-paradies",
		"A\u0308rger":                          "aerger",
		"Straße":                               "strasse",
		"夜の盆栽 – Bonsai at Night":               "bonsai-at-night",
		"Rock ’n’ Roll":                        "rock-n-roll",
		"לילה":                                 "event",
		"":                                     "event",
		"  --  ":                               "event",
		"L'été":                                "lete",
		"<script>":                             "script",
		"../../etc":                            "etc",
	} {
		if got := slug(title); got != want {
			t.Errorf("slug(%q) = %q, want %q", title, got, want)
		}
	}
	if got := slug(strings.Repeat("long ", 50)); len(got) > 60 || strings.HasSuffix(got, "-") {
		t.Errorf("a long title is %q", got)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/account", "/events?q=a%20b&month=2026-12", "/b/1#x", "/de/events"} {
		if got := local(path); got != path {
			t.Errorf("local(%q) = %q", path, got)
		}
	}
	for _, path := range []string{
		"", "account", "//evil.example", "///evil.example", "https://evil.example", "http:/evil.example", "/\\evil.example", "\\\\evil.example",
		"/\tevil", "/%2Fevil.example", "/%2fevil.example", "javascript:alert(1)", "//user@evil.example", "/ok\r\nLocation: /x", "/\x00", "mailto:a@b.c", " //evil.example", "/\u007f",
	} {
		if got := local(path); got != "/" {
			t.Errorf("local(%q) = %q, want /", path, got)
		}
	}
}

func TestBare(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/de/events?q=x": "/events?q=x", "/en": "/", "/de": "/", "/english": "/english", "/events": "/events", "/de/": "/", "/en?next=/de/x": "/?next=/de/x",
	} {
		if got := bare(path); got != want {
			t.Errorf("bare(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestWordingFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, chosen, accepted, want string }{
		{"", "", "", "en"},
		{"", "", "de-AT,de;q=0.9,en;q=0.8", "de"},
		{"", "de", "en", "de"},
		{"/en", "de", "de", "en"},
		{"/de", "en", "en", "de"},
		{"", "xx", "de", "de"},
	} {
		if got := wordingFor(c.prefix, c.chosen, c.accepted).Locale; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestPriceOf(t *testing.T) {
	t.Parallel()
	if got := priceOf("2500EUR"); got == nil || *got != (money.Amount{AmountMinor: 2500, Currency: "EUR"}) {
		t.Errorf("2500EUR is %v", got)
	}
	for _, s := range []string{"", "EUR", "25.00EUR", "-1EUR", "2500eur", "2500", "99999999999999999999EUR", "2500€", "1 EUR"} {
		if got := priceOf(s); got != nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

// Both clicks of a double click have one outcome.
func TestOnce(t *testing.T) {
	t.Parallel()
	var o once[int]
	var acts atomic.Int32
	now := time.Unix(0, 0)
	act := func() (int, error) { return int(acts.Add(1)), nil }
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := o.do("key", now, act); got != 1 || err != nil {
				t.Errorf("a click has %d, %v", got, err)
			}
		})
	}
	all.Wait()
	if got, _ := o.do("other", now, act); got != 2 {
		t.Errorf("another form has %d", got)
	}
	if got, _ := o.do("key", now.Add(2*time.Minute), act); got != 3 {
		t.Errorf("after two minutes the form has %d", got)
	}
	wrong := errors.New("wrong")
	if _, err := o.do("failed", now, func() (int, error) { return 0, wrong }); !errors.Is(err, wrong) {
		t.Errorf("a failure is %v", err)
	}
	if got, err := o.do("failed", now, act); got != 4 || err != nil {
		t.Errorf("a failure is remembered: %d, %v", got, err)
	}
}

func TestOnceIsBounded(t *testing.T) {
	t.Parallel()
	var o once[int]
	now := time.Unix(0, 0)
	for n := range 3 * onceMost {
		if _, err := o.do(string(rune(n+1000)), now, func() (int, error) { return n, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.known) > onceMost {
		t.Errorf("%d are remembered", len(o.known))
	}
}
