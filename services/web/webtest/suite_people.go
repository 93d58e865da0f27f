package webtest

import (
	"context"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/web"
)

// TestLinks is the contract of web.Links.
func TestLinks(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"a claimed booking is the account's", linksClaim},
		{"a booking is claimed with its buyer's key alone", linksForeign},
		{"a guest claims nothing", func(t *testing.T, w World) {
			p := w.guest(t)
			_, err := w.Claim(t.Context(), p.Caller, w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 1).ID)
			wantErr(t, err, web.ErrSignedOut)
		}},
		{"an ended link opens nothing", linksEnd},
		{"an id that is none is not found", func(t *testing.T, w World) {
			by := w.customer(t).Caller
			by.BookingKey = "AAAAAAAAAAAAAAAAAAAAAA"
			noID(t, by, func(ctx context.Context, by web.Caller, id string) error { _, err := w.Claim(ctx, by, id); return err }, "Claim")
			noID(t, by, w.End, "End")
		}},
		{"a call ends with its context", func(t *testing.T, w World) {
			p := w.customer(t)
			b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
			ends(t, p.Caller, asked{
				"Claim": func(ctx context.Context, by web.Caller) error { _, err := w.Claim(ctx, by, b.ID); return err },
				"End":   func(ctx context.Context, by web.Caller) error { return w.End(ctx, by, b.ID) },
				"Find":  func(ctx context.Context, by web.Caller) error { return w.Find(ctx, by, p.email) },
			})
		}},
	})
}

func linksClaim(t *testing.T, w World) {
	guest := w.guest(t)
	b := w.buy(t, guest, w.AddEvent(t, Concert(2500, 9)), 1)
	key := w.buyersLink(t, b).BookingKey
	p := w.customer(t)
	by := p.Caller
	by.BookingKey = key
	for range 2 { // again it answers the booking
		claimed, err := w.Claim(t.Context(), by, b.ID)
		must(t, err)
		if claimed.ID != b.ID || claimed.Buyer.Email != p.email {
			t.Errorf("it is %+v", claimed)
		}
	}
	got, err := w.Booking(t.Context(), p.Caller, b.ID)
	must(t, err)
	if got.ID != b.ID {
		t.Errorf("the account reads %+v", got)
	}
	_, err = w.Booking(t.Context(), guest.Caller, b.ID)
	wantErr(t, err, web.ErrNotFound)
}

func linksForeign(t *testing.T, w World) {
	guest := w.guest(t)
	e := w.AddEvent(t, Concert(2500, 9))
	b, other := w.buy(t, guest, e, 1), w.guest(t)
	theirs := w.buyersLink(t, w.buy(t, other, e, 1)).BookingKey
	by := w.customer(t).Caller
	for _, key := range []string{"", "AAAAAAAAAAAAAAAAAAAAAA", theirs} {
		by.BookingKey = key
		_, err := w.Claim(t.Context(), by, b.ID)
		wantErr(t, err, web.ErrNotFound)
	}
}

func linksEnd(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
	by := w.buyersLink(t, b)
	must(t, w.End(t.Context(), by, b.ID))
	_, err := w.Booking(t.Context(), by, b.ID)
	wantErr(t, err, web.ErrNotFound)
	wantErr(t, w.End(t.Context(), by, b.ID), web.ErrNotFound)
}

// TestSignIns is the contract of web.SignIns.
func TestSignIns(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"a guest's token is good for a while", signInsGuest},
		{"a guest that is not allowed names the field", func(t *testing.T, w World) {
			_, err := w.AdmitGuest(t.Context(), visitor(), web.Guest{Name: "Ada", Email: "nowhere"})
			wantField(t, err, "email")
			_, err = w.AdmitGuest(t.Context(), visitor(), web.Guest{Email: somebody("x")})
			wantField(t, err, "name")
		}},
		{"an account that was registered logs in", signInsRegister},
		{"an address that has an account is refused", func(t *testing.T, w World) {
			p := w.customer(t)
			err := w.Register(t.Context(), visitor(), web.Registration{Name: "Ada", Email: p.email, Password: p.password})
			wantRefusal(t, err, "email_taken")
		}},
		{"an account that is not allowed names the field", func(t *testing.T, w World) {
			err := w.Register(t.Context(), visitor(), web.Registration{Name: "Ada", Email: "nowhere", Password: "a sparrow in the organ"})
			wantField(t, err, "email")
			err = w.Register(t.Context(), visitor(), web.Registration{Name: "Ada", Email: somebody("x"), Password: "short"})
			wantField(t, err, "password")
			err = w.Register(t.Context(), visitor(), web.Registration{Name: "Ada", Email: somebody("x"), Password: "password123"})
			wantRefusal(t, err, "password_too_common")
		}},
		{"address and password that do not belong together are refused", signInsWrong},
		{"too many tries are refused for a while", signInsThrottled},
		{"the same refresh token answers the same successor", signInsRenew},
		{"a session that is over is not renewed", func(t *testing.T, w World) {
			for _, token := range []string{"x", "", newID()} {
				_, err := w.Renew(t.Context(), visitor(), token)
				wantErr(t, err, web.ErrSignedOut)
			}
		}},
		{"a session that was logged out is not renewed", signInsLogOut},
		{"a token that is not known is no error", func(t *testing.T, w World) { must(t, w.LogOut(t.Context(), visitor(), newID())) }},
		{"a call ends with its context", func(t *testing.T, w World) {
			ends(t, visitor(), asked{
				"AdmitGuest": func(ctx context.Context, by web.Caller) error {
					_, err := w.AdmitGuest(ctx, by, web.Guest{Name: "A", Email: somebody("x")})
					return err
				},
				"Register": func(ctx context.Context, by web.Caller) error {
					return w.Register(ctx, by, web.Registration{Name: "A", Email: somebody("x"), Password: "a sparrow in the organ"})
				},
				"LogIn": func(ctx context.Context, by web.Caller) error {
					_, err := w.LogIn(ctx, by, somebody("x"), "x")
					return err
				},
				"Renew":  func(ctx context.Context, by web.Caller) error { _, err := w.Renew(ctx, by, "x"); return err },
				"LogOut": func(ctx context.Context, by web.Caller) error { return w.LogOut(ctx, by, "x") },
			})
		}},
	})
}

func signInsGuest(t *testing.T, w World) {
	p := w.guest(t)
	if life := time.Until(p.tokens.ExpiresAt); p.tokens.Access == "" || p.tokens.Refresh != "" || life < time.Hour || life > 3*time.Hour {
		t.Errorf("it is good for %s, and its refresh token is %q", life, p.tokens.Refresh)
	}
	if got, _, err := w.Bookings(t.Context(), p.Caller, ""); err != nil || len(got) != 0 {
		t.Errorf("a new guest has %d bookings, error %v", len(got), err)
	}
}

func signInsRegister(t *testing.T, w World) {
	p := w.customer(t)
	if life := time.Until(p.tokens.ExpiresAt); p.tokens.Refresh == "" || life < time.Minute || life > time.Hour {
		t.Errorf("the access token is good for %s", life)
	}
	me, err := w.Me(t.Context(), p.Caller)
	must(t, err)
	if me.Email != p.email || me.Name != "Grace Hopper" {
		t.Errorf("the token is that of %+v", me)
	}
}

func signInsWrong(t *testing.T, w World) {
	p := w.customer(t)
	for email, password := range map[string]string{p.email: "a sparrow on the organ", somebody("nobody"): p.password, "": p.password} {
		_, err := w.LogIn(t.Context(), p.Caller, email, password)
		wantRefusal(t, err, "invalid_grant")
	}
	_, err := w.LogIn(t.Context(), p.Caller, p.email, "")
	wantRefusal(t, err, "invalid_grant")
}

func signInsThrottled(t *testing.T, w World) {
	p := w.customer(t)
	for range 100 {
		_, err := w.LogIn(t.Context(), p.Caller, p.email, "a sparrow on the organ")
		if web.Refused(err) == "invalid_grant" {
			continue
		}
		if r := refusal(t, err, "rate_limited"); r.RetryAfter <= 0 {
			t.Errorf("it is to be tried again after %s", r.RetryAfter)
		}
		// Somebody else at another address is not concerned.
		w.again(t, person{Caller: visitor(), email: p.email, password: p.password})
		return
	}
	t.Error("a hundred wrong passwords are tried")
}

func signInsRenew(t *testing.T, w World) {
	p := w.customer(t)
	first, err := w.Renew(t.Context(), p.Caller, p.tokens.Refresh)
	must(t, err)
	again, err := w.Renew(t.Context(), p.Caller, p.tokens.Refresh)
	must(t, err)
	if first.Refresh == p.tokens.Refresh || first.Refresh != again.Refresh {
		t.Errorf("the successors are %q and %q of %q", first.Refresh, again.Refresh, p.tokens.Refresh)
	}
	p.AccessToken = again.Access
	if _, err := w.Me(t.Context(), p.Caller); err != nil {
		t.Errorf("the new access token: %v", err)
	}
}

func signInsLogOut(t *testing.T, w World) {
	p := w.customer(t)
	must(t, w.LogOut(t.Context(), p.Caller, p.tokens.Refresh))
	w.wantOver(t, p)
}

// wantOver checks that p's session is over.
func (w World) wantOver(t *testing.T, p person) {
	t.Helper()
	_, err := w.Renew(t.Context(), visitor(), p.tokens.Refresh)
	wantErr(t, err, web.ErrSignedOut)
	// Reading may go on for an access token's life; nothing else does.
	name := "Nobody"
	_, err = w.Change(t.Context(), p.Caller, web.Profile{Name: &name})
	wantErr(t, err, web.ErrSignedOut)
}

// TestAccounts is the contract of web.Accounts.
func TestAccounts(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"an account is returned whole", accountsMe},
		{"what is nil stays", accountsChange},
		{"a new password ends all sessions", accountsPassword},
		{"a wrong current password is refused", func(t *testing.T, w World) {
			p, wrong, next := w.customer(t), "not the password", "another long password"
			_, err := w.Change(t.Context(), p.Caller, web.Profile{Password: &next, CurrentPassword: &wrong})
			wantRefusal(t, err, "wrong_password")
			wantRefusal(t, w.ChangeEmail(t.Context(), p.Caller, somebody("new"), wrong), "wrong_password")
		}},
		{"a name that is not allowed names the field", func(t *testing.T, w World) {
			name := ""
			_, err := w.Change(t.Context(), w.customer(t).Caller, web.Profile{Name: &name})
			wantField(t, err, "name")
		}},
		{"the old address stays until the new one is proven", func(t *testing.T, w World) {
			p := w.customer(t)
			must(t, w.ChangeEmail(t.Context(), p.Caller, somebody("new"), p.password))
			me, err := w.Me(t.Context(), p.Caller)
			must(t, err)
			if me.Email != p.email {
				t.Errorf("the address is %s, want %s", me.Email, p.email)
			}
		}},
		{"the caller's own session is the current one", accountsSessions},
		{"an ended session is not renewed", accountsEnd},
		{"a session of somebody else is not found", func(t *testing.T, w World) {
			p, other := w.customer(t), w.customer(t)
			sessions, _, err := w.Sessions(t.Context(), other.Caller, "")
			must(t, err)
			wantErr(t, w.EndSession(t.Context(), p.Caller, sessions[0].ID), web.ErrNotFound)
		}},
		{"an id that is none is not found", func(t *testing.T, w World) { noID(t, w.customer(t).Caller, w.EndSession, "EndSession") }},
		{"without an account's token nobody has an account", func(t *testing.T, w World) {
			noToken(t, accountsCalls(w))
			by := w.guest(t).Caller
			for _, call := range accountsCalls(w) {
				wantErr(t, call(t.Context(), by), web.ErrSignedOut)
			}
		}},
		{"a call ends with its context", func(t *testing.T, w World) { ends(t, w.customer(t).Caller, accountsCalls(w)) }},
	})
}

func accountsCalls(w World) asked {
	name := "Ada"
	return asked{
		"Me": func(ctx context.Context, by web.Caller) error { _, err := w.Me(ctx, by); return err },
		"Change": func(ctx context.Context, by web.Caller) error {
			_, err := w.Change(ctx, by, web.Profile{Name: &name})
			return err
		},
		"ChangeEmail": func(ctx context.Context, by web.Caller) error { return w.ChangeEmail(ctx, by, somebody("x"), "x") },
		"Sessions":    func(ctx context.Context, by web.Caller) error { _, _, err := w.Sessions(ctx, by, ""); return err },
		"EndSession":  func(ctx context.Context, by web.Caller) error { return w.EndSession(ctx, by, newID()) },
	}
}

func accountsMe(t *testing.T, w World) {
	p := w.customer(t)
	me, err := w.Me(t.Context(), p.Caller)
	must(t, err)
	if me.ID == "" || me.Name != "Grace Hopper" || me.Email != p.email || me.EmailVerified || me.Role != "customer" || me.Phone != "" || me.PhoneVerified || me.Locale != "" || me.CreatedAt.IsZero() {
		t.Errorf("it is %+v", me)
	}
}

func accountsChange(t *testing.T, w World) {
	p, name, locale, none := w.customer(t), "Grace B. M. Hopper", "de-AT", ""
	for _, c := range []struct {
		to           web.Profile
		name, locale string
	}{
		{web.Profile{Name: &name}, name, ""},
		{web.Profile{Locale: &locale}, name, locale},
		{web.Profile{}, name, locale},
		{web.Profile{Locale: &none}, name, ""},
	} {
		me, err := w.Change(t.Context(), p.Caller, c.to)
		must(t, err)
		if me.Name != c.name || me.Locale != c.locale {
			t.Errorf("it is %q in %q, want %q in %q", me.Name, me.Locale, c.name, c.locale)
		}
	}
}

func accountsPassword(t *testing.T, w World) {
	p, next := w.customer(t), "another long password"
	elsewhere := w.again(t, p)
	_, err := w.Change(t.Context(), p.Caller, web.Profile{Password: &next, CurrentPassword: &p.password})
	must(t, err)
	w.wantOver(t, p)
	w.wantOver(t, elsewhere)
	p.password = next
	w.again(t, p)
}

func accountsSessions(t *testing.T, w World) {
	p := w.customer(t)
	p = w.again(t, p)
	sessions, next, err := w.Sessions(t.Context(), p.Caller, "")
	must(t, err)
	if len(sessions) != 2 || !sessions[0].Current || sessions[1].Current || next != "" || sessions[0].StartedAt.Before(sessions[1].StartedAt) {
		t.Fatalf("the sessions are %+v", sessions)
	}
	if s := sessions[0]; s.ID == "" || s.LastUsedAt.IsZero() || !s.ExpiresAt.After(time.Now()) {
		t.Errorf("the session is %+v", s)
	}
}

func accountsEnd(t *testing.T, w World) {
	before := w.customer(t)
	p := w.again(t, before)
	sessions, _, err := w.Sessions(t.Context(), p.Caller, "")
	must(t, err)
	must(t, w.EndSession(t.Context(), p.Caller, sessions[1].ID))
	w.wantOver(t, before)
	if _, err := w.Renew(t.Context(), p.Caller, p.tokens.Refresh); err != nil {
		t.Errorf("the other session: %v", err)
	}
}

// TestProofs is the contract of web.Proofs.
func TestProofs(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"the answer is the same whether there is an account or not", func(t *testing.T, w World) {
			for _, email := range []string{w.customer(t).email, somebody("nobody")} {
				must(t, w.RequestVerification(t.Context(), visitor(), email))
				must(t, w.RequestPasswordReset(t.Context(), visitor(), email))
			}
			wantField(t, w.RequestVerification(t.Context(), visitor(), "nowhere"), "email")
		}},
		{"the account's address is verified, once", proofsVerification},
		{"the account has the new address", proofsEmail},
		{"the new password logs in, and all sessions are over", proofsReset},
		{"a token that was never sent is refused", func(t *testing.T, w World) {
			for _, token := range []string{"x", newID()} {
				wantRefusal(t, w.ConfirmVerification(t.Context(), visitor(), token), "link_not_valid")
				wantRefusal(t, w.ConfirmEmail(t.Context(), w.customer(t).Caller, token), "link_not_valid")
				wantRefusal(t, w.ResetPassword(t.Context(), visitor(), token, "another long password"), "link_not_valid")
			}
		}},
		{"without an account's token no address is changed", func(t *testing.T, w World) {
			noToken(t, asked{"ConfirmEmail": func(ctx context.Context, by web.Caller) error { return w.ConfirmEmail(ctx, by, "x") }})
		}},
		{"a call ends with its context", func(t *testing.T, w World) {
			ends(t, w.customer(t).Caller, asked{
				"RequestVerification":  func(ctx context.Context, by web.Caller) error { return w.RequestVerification(ctx, by, somebody("x")) },
				"ConfirmVerification":  func(ctx context.Context, by web.Caller) error { return w.ConfirmVerification(ctx, by, "x") },
				"ConfirmEmail":         func(ctx context.Context, by web.Caller) error { return w.ConfirmEmail(ctx, by, "x") },
				"RequestPasswordReset": func(ctx context.Context, by web.Caller) error { return w.RequestPasswordReset(ctx, by, somebody("x")) },
				"ResetPassword": func(ctx context.Context, by web.Caller) error {
					return w.ResetPassword(ctx, by, "x", "another long password")
				},
			})
		}},
	})
}

func proofsVerification(t *testing.T, w World) {
	p := w.customer(t)
	must(t, w.RequestVerification(t.Context(), visitor(), p.email))
	token := w.MailedToken(t, p.email, "verification")
	must(t, w.ConfirmVerification(t.Context(), visitor(), token))
	me, err := w.Me(t.Context(), p.Caller)
	must(t, err)
	if !me.EmailVerified {
		t.Error("the address is not verified")
	}
	wantRefusal(t, w.ConfirmVerification(t.Context(), visitor(), token), "link_not_valid")
}

func proofsEmail(t *testing.T, w World) {
	p, next := w.customer(t), somebody("new")
	must(t, w.ChangeEmail(t.Context(), p.Caller, next, p.password))
	token := w.MailedToken(t, next, "email_change")
	wantRefusal(t, w.ConfirmEmail(t.Context(), w.customer(t).Caller, token), "link_not_valid")
	must(t, w.ConfirmEmail(t.Context(), p.Caller, token))
	p.email = next
	me, err := w.Me(t.Context(), w.again(t, p).Caller)
	must(t, err)
	if me.Email != next || !me.EmailVerified {
		t.Errorf("the address is %s, verified %v", me.Email, me.EmailVerified)
	}
}

func proofsReset(t *testing.T, w World) {
	p, next := w.customer(t), "another long password"
	must(t, w.RequestPasswordReset(t.Context(), visitor(), p.email))
	token := w.MailedToken(t, p.email, "password_reset")
	wantField(t, w.ResetPassword(t.Context(), visitor(), token, "short"), "password") // which does not use it up
	must(t, w.ResetPassword(t.Context(), visitor(), token, next))
	w.wantOver(t, p)
	_, err := w.LogIn(t.Context(), p.Caller, p.email, p.password)
	wantRefusal(t, err, "invalid_grant")
	p.password = next
	w.again(t, p)
	wantRefusal(t, w.ResetPassword(t.Context(), visitor(), token, next), "link_not_valid")
}
