package web_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/web"
)

// signIns renews tokens as it is told.
type signIns struct {
	web.SignIns

	renew func(ctx context.Context, by web.Caller, refresh string) (web.Tokens, error)
}

func (s signIns) Renew(ctx context.Context, by web.Caller, refresh string) (web.Tokens, error) {
	return s.renew(ctx, by, refresh)
}

var noRenewal = signIns{renew: func(context.Context, web.Caller, string) (web.Tokens, error) {
	return web.Tokens{}, errors.New("nothing is to be renewed")
}}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func secret(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func sessions(t *testing.T, s web.SignIns, now func() time.Time, secrets ...[]byte) *web.Sessions {
	t.Helper()
	if secrets == nil {
		secrets = [][]byte{secret(1)}
	}
	out, err := web.NewSessions(secrets, s, now)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func atNoon() time.Time { return noon }

// jwt is a token of a size.
func jwt(n int) string {
	part := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("{é}"), n/4+1)[:n])
	return "eyJhbGciOiJFZERTQSJ9." + part + "." + base64.RawURLEncoding.EncodeToString(secret(9))
}

// full is a session with everything.
func full() web.Session {
	s := web.Session{
		Account: &web.Tokens{Access: jwt(500), Refresh: "bYT2m3RqFq0u4wq8pEJ5lQ3uP1gq0w8y3e5K6zvJx1c", ExpiresAt: noon.Add(15 * time.Minute)},
		Guest:   &web.Tokens{Access: jwt(400), ExpiresAt: noon.Add(2 * time.Hour)},
		Locale:  "de",
	}
	for i := range web.MaxLinks {
		s.Links = append(s.Links, web.Link{BookingID: uuid.NewString(), Key: base64.RawURLEncoding.EncodeToString(secret(byte(i))[:16])})
	}
	return s
}

func seal(t *testing.T, s *web.Sessions, session web.Session) string {
	t.Helper()
	cookie, err := s.Seal(session)
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

func TestASessionComesBackFromItsCookie(t *testing.T) {
	t.Parallel()
	s := sessions(t, noRenewal, atNoon)
	for name, want := range map[string]web.Session{
		"empty":             {},
		"with everything":   full(),
		"a guest's":         {Guest: full().Guest},
		"an account's":      {Account: full().Account},
		"with links":        {Links: full().Links[:2]},
		"with odd texts":    {Account: &web.Tokens{Access: "a b", Refresh: "é.ü"}, Links: []web.Link{{"", ""}, {"not an id", "a.b.c.d"}, {"0189..", "ab=="}}},
		"with other UUIDs":  {Links: []web.Link{{strings.ToUpper(uuid.NewString()), "{" + uuid.NewString() + "}"}}},
		"with a line break": {Account: &web.Tokens{Access: "YWJj\nYWJj"}},
		"with loose bits":   {Account: &web.Tokens{Access: "YWJj.YQ.YR"}},
	} {
		cookie := seal(t, s, want)
		if diff := cmp.Diff(want, s.Open(cookie)); diff != "" {
			t.Errorf("%s (-sealed +opened):\n%s", name, diff)
		}
		if again := seal(t, s, want); again == cookie {
			t.Errorf("%s: the same session has the same cookie twice", name)
		}
	}
}

func TestACookieShowsNothing(t *testing.T) {
	t.Parallel()
	s := sessions(t, noRenewal, atNoon)
	session := full()
	cookie := seal(t, s, session)
	b, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{session.Account.Access, session.Account.Refresh, session.Guest.Access, session.Links[0].Key} {
		raw, _ := base64.RawURLEncoding.DecodeString(part)
		if strings.Contains(cookie, part) || bytes.Contains(b, []byte(part)) || len(raw) > 0 && bytes.Contains(b, raw) {
			t.Errorf("it shows %.20s", part)
		}
	}
}

// Whatever is changed in a cookie, its visitor is nobody.
func TestATamperedCookieIsNobodys(t *testing.T) {
	t.Parallel()
	s := sessions(t, noRenewal, atNoon, secret(1), secret(2))
	cookie := seal(t, s, full())
	wantNobody := func(what, cookie string) {
		t.Helper()
		if !s.Open(cookie).Empty() {
			t.Errorf("%s: it opens", what)
		}
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range cookie {
		next := alphabet[(strings.IndexByte(alphabet, cookie[i])+1)%len(alphabet)]
		wantNobody(fmt.Sprintf("byte %d changed", i), cookie[:i]+string(next)+cookie[i+1:])
		wantNobody(fmt.Sprintf("cut off at byte %d", i), cookie[:i])
		wantNobody(fmt.Sprintf("a line break before byte %d", i), cookie[:i]+"\n"+cookie[i:])
		wantNobody(fmt.Sprintf("without byte %d", i), cookie[:i]+cookie[i+1:])
	}
	b, _ := base64.RawURLEncoding.DecodeString(cookie)
	for i := range b {
		for bit := range 8 {
			changed := slices.Clone(b)
			changed[i] ^= 1 << bit
			wantNobody(fmt.Sprintf("bit %d of byte %d changed", bit, i), base64.RawURLEncoding.EncodeToString(changed))
		}
	}
	for what, cookie := range map[string]string{
		"nothing": "", "a word": "session", "padding": cookie + "=", "more": cookie + "A", "twice": cookie + cookie,
		"too long": strings.Repeat("A", 100_000), "another alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(cookie) + "+",
	} {
		wantNobody(what, cookie)
	}
	stranger := sessions(t, noRenewal, atNoon, secret(3))
	wantNobody("another key's", seal(t, stranger, full()))
}

func TestAnOldCookieIsNobodys(t *testing.T) {
	t.Parallel()
	now := noon
	s := sessions(t, noRenewal, func() time.Time { return now })
	cookie := seal(t, s, full())
	now = noon.Add(web.SessionLife - time.Second)
	if s.Open(cookie).Empty() {
		t.Error("it does not open on its last day")
	}
	now = noon.Add(web.SessionLife)
	if !s.Open(cookie).Empty() {
		t.Error("it opens after its life")
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	old, next := secret(1), secret(2)
	before := sessions(t, noRenewal, atNoon, old)
	// First every replica learns the new key, then the new one seals, then the old one goes.
	learning := sessions(t, noRenewal, atNoon, old, next)
	during := sessions(t, noRenewal, atNoon, next, old)
	after := sessions(t, noRenewal, atNoon, next)
	for what, c := range map[string]struct {
		sealed, opens *web.Sessions
		want          bool
	}{
		"an old cookie, during":                 {before, during, true},
		"a new cookie, in a replica of before":  {during, learning, true},
		"a cookie of before, in a new replica":  {learning, during, true},
		"a new cookie, after":                   {during, after, true},
		"an old cookie, after":                  {before, after, false},
		"a new cookie, where nobody learned it": {after, before, false},
	} {
		if got := !c.opens.Open(seal(t, c.sealed, full())).Empty(); got != c.want {
			t.Errorf("%s: it opens is %v", what, got)
		}
	}
}

func TestSessionKeysAreLongEnough(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][][]byte{nil, {}, {secret(1)[:31]}, {secret(1), nil}} {
		if _, err := web.NewSessions(secrets, noRenewal, atNoon); err == nil {
			t.Errorf("%v are taken", secrets)
		}
	}
}

// A cookie that is too long is none to a browser: it has what fits, whole.
func TestACookieFits(t *testing.T) {
	t.Parallel()
	s := sessions(t, noRenewal, atNoon)
	session := full()
	for size := 100; ; size += 100 {
		session.Account.Access = jwt(size)
		cookie, err := s.Seal(session)
		if errors.Is(err, web.ErrSessionTooLarge) {
			if size < 1700 {
				t.Errorf("tokens of %d and 400 bytes do not fit", size)
			}
			break
		}
		if err != nil || len(cookie) > web.MaxCookie {
			t.Fatalf("with %d bytes the cookie has %d, error %v", size, len(cookie), err)
		}
		got := s.Open(cookie)
		if got.Account == nil || got.Account.Access != session.Account.Access || got.Guest == nil {
			t.Fatalf("with %d bytes the session is %+v", size, got)
		}
		if diff := cmp.Diff(session.Links[:len(got.Links)], got.Links); diff != "" {
			t.Fatalf("with %d bytes not the newest links are kept (-want +got):\n%s", size, diff)
		}
		if size <= 1200 && len(got.Links) != web.MaxLinks { // a token with 20 memberships
			t.Errorf("with %d bytes %d links fit, want all", size, len(got.Links))
		}
	}
	session = full()
	session.Links = append(session.Links, session.Links...)
	if got := s.Open(seal(t, s, session)); len(got.Links) != web.MaxLinks {
		t.Errorf("%d links come back, want %d", len(got.Links), web.MaxLinks)
	}
}

func TestSigningInKeepsWhatTheVisitorHad(t *testing.T) {
	t.Parallel()
	before := full()
	before.Account = nil
	tokens := web.Tokens{Access: "a", Refresh: "r", ExpiresAt: noon}
	after := before.SignedIn(tokens)
	if *after.Account != tokens || after.Guest != before.Guest || len(after.Links) != len(before.Links) {
		t.Errorf("it is %+v", after)
	}
	if before.Account != nil {
		t.Error("the session of before has changed")
	}
}

func TestLinksOfASession(t *testing.T) {
	t.Parallel()
	var s web.Session
	for i := range web.MaxLinks + 2 {
		s = s.WithLink(web.Link{BookingID: fmt.Sprint(i), Key: "k"})
	}
	if len(s.Links) != web.MaxLinks || s.Links[0].BookingID != fmt.Sprint(web.MaxLinks+1) || s.Key("2") != "k" || s.Key("1") != "" {
		t.Errorf("it has %+v", s.Links)
	}
	again := s.WithLink(web.Link{BookingID: "5", Key: "new"})
	if len(again.Links) != web.MaxLinks || again.Links[0] != (web.Link{BookingID: "5", Key: "new"}) || s.Key("5") != "k" {
		t.Errorf("the link to the same booking again: %+v", again.Links)
	}
	if without := again.WithoutLink("5"); without.Key("5") != "" || len(without.Links) != web.MaxLinks-1 || again.Key("5") != "new" {
		t.Errorf("without it: %+v", without.Links)
	}
}

var address = netip.MustParseAddr("203.0.113.7")

func TestCurrentSessions(t *testing.T) {
	t.Parallel()
	account := func(left time.Duration) *web.Tokens {
		return &web.Tokens{Access: "old", Refresh: "r0", ExpiresAt: noon.Add(left)}
	}
	renewed := web.Tokens{Access: "new", Refresh: "r1", ExpiresAt: noon.Add(15 * time.Minute)}
	guest := &web.Tokens{Access: "guest", ExpiresAt: noon.Add(time.Minute)}
	over := &web.Tokens{Access: "guest", ExpiresAt: noon}
	refusal := &web.Refusal{Code: "rate_limited"}
	for name, c := range map[string]struct {
		session web.Session
		answer  error // of the renewal
		want    web.Session
		asked   bool
		changed bool
		err     error
	}{
		"empty":                               {},
		"good":                                {session: web.Session{Account: account(2 * time.Minute), Guest: guest}, want: web.Session{Account: account(2 * time.Minute), Guest: guest}},
		"about to end":                        {session: web.Session{Account: account(time.Minute), Guest: guest}, want: web.Session{Account: &renewed, Guest: guest}, asked: true, changed: true},
		"ended":                               {session: web.Session{Account: account(-time.Hour)}, want: web.Session{Account: &renewed}, asked: true, changed: true},
		"revoked":                             {session: web.Session{Account: account(-1), Guest: guest}, answer: fmt.Errorf("%w: revoked", web.ErrSignedOut), want: web.Session{Guest: guest}, asked: true, changed: true},
		"revoked before its end":              {session: web.Session{Account: account(time.Second)}, answer: web.ErrSignedOut, asked: true, changed: true},
		"in an outage":                        {session: web.Session{Account: account(-1)}, answer: web.ErrUnavailable, want: web.Session{Account: account(-1)}, asked: true, err: web.ErrUnavailable},
		"in an outage, still good":            {session: web.Session{Account: account(time.Second)}, answer: web.ErrUnavailable, want: web.Session{Account: account(time.Second)}, asked: true},
		"throttled":                           {session: web.Session{Account: account(-1)}, answer: refusal, want: web.Session{Account: account(-1)}, asked: true, err: refusal},
		"of a guest whose time is over":       {session: web.Session{Guest: over}, changed: true},
		"of such a guest, in an outage":       {session: web.Session{Guest: over, Account: account(-1)}, answer: web.ErrUnavailable, want: web.Session{Account: account(-1)}, asked: true, changed: true, err: web.ErrUnavailable},
		"of a guest who is never to be asked": {session: web.Session{Guest: guest}, want: web.Session{Guest: guest}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			s := sessions(t, signIns{renew: func(_ context.Context, by web.Caller, refresh string) (web.Tokens, error) {
				asked = true
				if refresh != "r0" || by != (web.Caller{Address: address}) {
					t.Errorf("%q of %+v is renewed", refresh, by)
				}
				if c.answer != nil {
					return web.Tokens{}, c.answer
				}
				return renewed, nil
			}}, atNoon)
			got, changed, err := s.Current(t.Context(), c.session, address)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if changed != c.changed || asked != c.asked || !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("changed is %v, asked is %v, error %v", changed, asked, err)
			}
		})
	}
}

// Tabs that are opened at once renew one token once, and all have its successor.
func TestASessionIsRenewedOnceAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		s := sessions(t, signIns{renew: func(_ context.Context, _ web.Caller, refresh string) (web.Tokens, error) {
			asked.Add(1)
			<-time.After(time.Second)
			return web.Tokens{Access: "new", Refresh: refresh + "+", ExpiresAt: time.Now().Add(time.Hour)}, nil
		}}, time.Now)
		var tabs sync.WaitGroup
		for i := range 32 {
			tabs.Go(func() {
				refresh := fmt.Sprint("r", i%2) // of two visitors
				got, changed, err := s.Current(t.Context(), web.Session{Account: &web.Tokens{Refresh: refresh}}, address)
				if err != nil || !changed || got.Account.Refresh != refresh+"+" {
					t.Errorf("%s is renewed to %+v, error %v", refresh, got.Account, err)
				}
			})
		}
		tabs.Wait()
		if n := asked.Load(); n != 2 {
			t.Errorf("%d renewals, want one for each of two sessions", n)
		}
	})
}

// A visitor who leaves does not take along those who wait for the same answer.
func TestARenewalOutlivesItsVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sessions(t, signIns{renew: func(ctx context.Context, _ web.Caller, _ string) (web.Tokens, error) {
			select {
			case <-time.After(time.Second):
				return web.Tokens{Access: "new", ExpiresAt: time.Now().Add(time.Hour)}, nil
			case <-ctx.Done():
				return web.Tokens{}, ctx.Err()
			}
		}}, time.Now)
		session := web.Session{Account: &web.Tokens{Refresh: "r0"}}
		leaving, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			got, _, err := s.Current(leaving, session, address)
			if got.Account == nil || got.Account.Refresh != "r0" {
				t.Errorf("the session of who left is %+v", got.Account)
			}
			left <- err
		}()
		synctest.Wait()
		stayed := make(chan web.Session)
		go func() {
			got, _, err := s.Current(t.Context(), session, address)
			if err != nil {
				t.Error(err)
			}
			stayed <- got
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, web.ErrUnavailable) {
			t.Errorf("who left is told %v", err)
		}
		if got := <-stayed; got.Account.Access != "new" {
			t.Errorf("who stayed has %q", got.Account.Access)
		}
	})
}

// A platform that hangs does not keep a renewal for ever.
func TestARenewalEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sessions(t, signIns{renew: func(ctx context.Context, _ web.Caller, _ string) (web.Tokens, error) {
			<-ctx.Done()
			return web.Tokens{}, fmt.Errorf("%w: %w", web.ErrUnavailable, ctx.Err())
		}}, time.Now)
		began := time.Now()
		_, _, err := s.Current(t.Context(), web.Session{Account: &web.Tokens{Refresh: "r0"}}, address)
		if took := time.Since(began); !errors.Is(err, web.ErrUnavailable) || took > 30*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	s, err := web.NewSessions([][]byte{secret(1)}, noRenewal, atNoon)
	if err != nil {
		f.Fatal(err)
	}
	for _, session := range []web.Session{{}, full()} {
		cookie, err := s.Seal(session)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(cookie)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		if got := s.Open(cookie); !got.Empty() && got.Account != nil && got.Account.Access == "" {
			t.Errorf("an account without a token: %+v", got)
		}
	})
}
