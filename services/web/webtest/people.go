package webtest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/services/web"
)

// token is what an access token says.
type token struct {
	id      string // the account's or the guest's
	guest   bool
	session string // of an account
	expires time.Time
}

type account struct {
	web.Account

	password string
	sessions []*session
	proofs   map[string]proof // by token
}

// session is one login. Its refresh tokens follow from each other.
type session struct {
	web.AccountSession

	refresh, before string // the token that is good, and the one that was
	ended           bool
}

// proof is what a token in a mail is good for.
type proof struct {
	kind    string
	email   string // that it proves
	expires time.Time
}

// AddAccount adds an account with a password, whose address is verified.
func (p *Platform) AddAccount(a web.Account, password string) web.Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.ID, a.Role = cmp.Or(a.ID, newID()), cmp.Or(a.Role, "customer")
	if a.CreatedAt.IsZero() {
		a.CreatedAt = p.clock()
	}
	a.EmailVerified = true
	p.accounts[strings.ToLower(a.Email)] = &account{Account: a, password: password, proofs: map[string]proof{}}
	return a
}

// EndSessions logs an account out everywhere, as a new password does.
func (p *Platform) EndSessions(accountID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accountOf(accountID).endSessions()
}

func (a *account) endSessions() {
	for _, s := range a.sessions {
		s.ended = true
	}
}

func (p *Platform) accountOf(id string) *account {
	for _, a := range p.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// user returns whose access token a caller has.
func (p *Platform) user(by web.Caller) (token, error) {
	t, ok := p.tokens[by.AccessToken]
	if !ok || !p.clock().Before(t.expires) {
		return token{}, web.ErrSignedOut
	}
	if !t.guest && !slices.ContainsFunc(p.accountOf(t.id).sessions, func(s *session) bool { return s.ID == t.session && !s.ended }) {
		return token{}, web.ErrSignedOut
	}
	return t, nil
}

// account returns the caller's account.
func (p *Platform) account(by web.Caller) (token, *account, error) {
	t, err := p.user(by)
	if err == nil && t.guest {
		err = web.ErrSignedOut
	}
	if err != nil {
		return t, nil, err
	}
	return t, p.accountOf(t.id), nil
}

func (p *Platform) buyer(who token) web.Buyer {
	if who.guest {
		return web.Buyer(p.guests[who.id])
	}
	a := p.accountOf(who.id)
	return web.Buyer{Name: a.Name, Email: a.Email, Phone: a.Phone, Locale: a.Locale}
}

func (p *Platform) grant(t token, life time.Duration) web.Tokens {
	access := "access." + newID()
	t.expires = p.clock().Add(life)
	p.tokens[access] = t
	return web.Tokens{Access: access, ExpiresAt: t.expires}
}

// AdmitGuest implements web.SignIns.
func (p *Platform) AdmitGuest(ctx context.Context, by web.Caller, g web.Guest) (web.Tokens, error) {
	return ask(ctx, p, Call{Method: "AdmitGuest", By: by}, func() (web.Tokens, error) {
		if wrong := contact(g.Name, g.Email); wrong != nil {
			return web.Tokens{}, wrong
		}
		id := newID()
		p.guests[id] = g
		return p.grant(token{id: id, guest: true}, GuestTokenLife), nil
	})
}

// Register implements web.SignIns.
func (p *Platform) Register(ctx context.Context, by web.Caller, r web.Registration) error {
	return tell(ctx, p, Call{Method: "Register", By: by}, func() error {
		if wrong := contact(r.Name, r.Email); wrong != nil {
			return wrong
		}
		if wrong := password(r.Password); wrong != nil {
			return wrong
		}
		key := strings.ToLower(r.Email)
		if p.accounts[key] != nil {
			return refuse("email_taken", "Another account has this email address.")
		}
		p.accounts[key] = &account{Account: web.Account{
			ID: newID(), Name: r.Name, Email: r.Email, Locale: r.Locale, Role: "customer", CreatedAt: p.clock(),
		}, password: r.Password, proofs: map[string]proof{}}
		return nil
	})
}

func password(text string) error {
	switch {
	case len([]rune(text)) < 10:
		return invalid("password", "expected length >= 10")
	case text == "password123":
		return refuse("password_too_common", "The password is one of those that everybody tries first.")
	}
	return nil
}

// prove mails a token.
func (p *Platform) prove(a *account, kind, email string, life time.Duration) {
	text := kind + "." + newID()
	a.proofs[text] = proof{kind, email, p.clock().Add(life)}
	p.mails = append(p.mails, Mail{To: email, Kind: kind, Token: text})
}

// proven returns the account of a token that is good, and what it proves.
func (p *Platform) proven(kind, text string) (*account, proof, error) {
	for _, a := range p.accounts {
		if found, ok := a.proofs[text]; ok && found.kind == kind && p.clock().Before(found.expires) {
			return a, found, nil
		}
	}
	return nil, proof{}, refuse("link_not_valid", "The token was used, has expired, or was never sent.")
}

// maxWrong is how many wrong passwords of an account are tried from one address.
const maxWrong = 10

// LogIn implements web.SignIns.
func (p *Platform) LogIn(ctx context.Context, by web.Caller, email, password string) (web.Tokens, error) {
	return ask(ctx, p, Call{Method: "LogIn", By: by}, func() (web.Tokens, error) {
		a := p.accounts[strings.ToLower(strings.TrimSpace(email))]
		try := by.Address.String() + " " + email
		if p.wrong[try] >= maxWrong {
			return web.Tokens{}, &web.Refusal{Code: "rate_limited", Detail: "There were too many attempts.", RetryAfter: time.Minute}
		}
		if a == nil || a.password != password || password == "" {
			p.wrong[try]++
			return web.Tokens{}, refuse("invalid_grant", "Address and password do not belong together.")
		}
		now := p.clock()
		s := &session{AccountSession: web.AccountSession{ID: newID(), StartedAt: now, LastUsedAt: now, ExpiresAt: now.Add(RefreshTokenLife)}}
		s.refresh = "refresh." + newID()
		a.sessions = append(a.sessions, s)
		tokens := p.grant(token{id: a.ID, session: s.ID}, AccessTokenLife)
		tokens.Refresh = s.refresh
		return tokens, nil
	})
}

// Renew implements web.SignIns.
func (p *Platform) Renew(ctx context.Context, by web.Caller, refresh string) (web.Tokens, error) {
	return ask(ctx, p, Call{Method: "Renew", By: by}, func() (web.Tokens, error) {
		for _, a := range p.accounts {
			for _, s := range a.sessions {
				if s.ended || !p.clock().Before(s.ExpiresAt) || refresh == "" {
					continue
				}
				switch refresh {
				case s.before:
				case s.refresh:
					sum := sha256.Sum256([]byte(refresh))
					s.before, s.refresh = s.refresh, "refresh."+base64.RawURLEncoding.EncodeToString(sum[:16])
				default:
					continue
				}
				s.LastUsedAt, s.ExpiresAt = p.clock(), p.clock().Add(RefreshTokenLife)
				tokens := p.grant(token{id: a.ID, session: s.ID}, AccessTokenLife)
				tokens.Refresh = s.refresh
				return tokens, nil
			}
		}
		return web.Tokens{}, web.ErrSignedOut
	})
}

// LogOut implements web.SignIns.
func (p *Platform) LogOut(ctx context.Context, by web.Caller, refresh string) error {
	return tell(ctx, p, Call{Method: "LogOut", By: by}, func() error {
		for _, a := range p.accounts {
			for _, s := range a.sessions {
				if refresh != "" && (s.refresh == refresh || s.before == refresh) {
					s.ended = true
				}
			}
		}
		return nil
	})
}

// Me implements web.Accounts.
func (p *Platform) Me(ctx context.Context, by web.Caller) (web.Account, error) {
	return ask(ctx, p, Call{Method: "Me", By: by}, func() (web.Account, error) {
		_, a, err := p.account(by)
		if err != nil {
			return web.Account{}, err
		}
		return a.Account, nil
	})
}

// Change implements web.Accounts.
func (p *Platform) Change(ctx context.Context, by web.Caller, to web.Profile) (web.Account, error) {
	return ask(ctx, p, Call{Method: "Change", By: by}, func() (web.Account, error) {
		_, a, err := p.account(by)
		if err != nil {
			return web.Account{}, err
		}
		if to.Name != nil && strings.TrimSpace(*to.Name) == "" {
			return web.Account{}, invalid("name", "must not be empty")
		}
		if to.Password != nil {
			if wrong := password(*to.Password); wrong != nil {
				return web.Account{}, wrong
			}
			if to.CurrentPassword == nil || *to.CurrentPassword != a.password {
				return web.Account{}, refuse("wrong_password", "The current password is not right.")
			}
			a.password = *to.Password
			a.endSessions()
		}
		if to.Name != nil {
			a.Name = *to.Name
		}
		if to.Locale != nil {
			a.Locale = *to.Locale
		}
		return a.Account, nil
	})
}

// ChangeEmail implements web.Accounts.
func (p *Platform) ChangeEmail(ctx context.Context, by web.Caller, email, password string) error {
	return tell(ctx, p, Call{Method: "ChangeEmail", By: by}, func() error {
		_, a, err := p.account(by)
		switch {
		case err != nil:
			return err
		case contact("x", email) != nil:
			return invalid("email", "must be an email address")
		case password != a.password:
			return refuse("wrong_password", "The current password is not right.")
		case p.accounts[strings.ToLower(email)] != nil:
			return refuse("email_taken", "Another account has this email address.")
		}
		p.prove(a, "email_change", email, 24*time.Hour)
		return nil
	})
}

// Sessions implements web.Accounts.
func (p *Platform) Sessions(ctx context.Context, by web.Caller, cursor string) (items []web.AccountSession, next string, err error) {
	items, err = ask(ctx, p, Call{Method: "Sessions", By: by}, func() ([]web.AccountSession, error) {
		t, a, err := p.account(by)
		if err != nil {
			return nil, err
		}
		var out []web.AccountSession
		for _, s := range slices.Backward(a.sessions) {
			if !s.ended && (cursor == "" || s.ID < cursor) {
				shown := s.AccountSession
				shown.Current = s.ID == t.session
				out = append(out, shown)
			}
		}
		if len(out) > sessionsPage {
			out = out[:sessionsPage]
			next = out[sessionsPage-1].ID
		}
		return out, nil
	})
	return items, next, err
}

const sessionsPage = 20

// EndSession implements web.Accounts.
func (p *Platform) EndSession(ctx context.Context, by web.Caller, id string) error {
	return tell(ctx, p, Call{Method: "EndSession", By: by}, func() error {
		_, a, err := p.account(by)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(a.sessions, func(s *session) bool { return s.ID == id })
		if i < 0 {
			return web.ErrNotFound
		}
		a.sessions[i].ended = true
		return nil
	})
}

// RequestVerification implements web.Proofs.
func (p *Platform) RequestVerification(ctx context.Context, by web.Caller, email string) error {
	return p.request(ctx, "RequestVerification", by, "verification", email, 48*time.Hour)
}

// RequestPasswordReset implements web.Proofs.
func (p *Platform) RequestPasswordReset(ctx context.Context, by web.Caller, email string) error {
	return p.request(ctx, "RequestPasswordReset", by, "password_reset", email, time.Hour)
}

func (p *Platform) request(ctx context.Context, method string, by web.Caller, kind, email string, life time.Duration) error {
	return tell(ctx, p, Call{Method: method, By: by}, func() error {
		if contact("x", email) != nil {
			return invalid("email", "must be an email address")
		}
		if a := p.accounts[strings.ToLower(email)]; a != nil && (kind != "verification" || !a.EmailVerified) {
			p.prove(a, kind, a.Email, life)
		}
		return nil
	})
}

// ConfirmVerification implements web.Proofs.
func (p *Platform) ConfirmVerification(ctx context.Context, by web.Caller, token string) error {
	return tell(ctx, p, Call{Method: "ConfirmVerification", By: by}, func() error {
		a, _, err := p.proven("verification", token)
		if err == nil {
			delete(a.proofs, token)
			a.EmailVerified = true
		}
		return err
	})
}

// ConfirmEmail implements web.Proofs.
func (p *Platform) ConfirmEmail(ctx context.Context, by web.Caller, token string) error {
	return tell(ctx, p, Call{Method: "ConfirmEmail", By: by}, func() error {
		_, mine, err := p.account(by)
		if err != nil {
			return err
		}
		a, proves, err := p.proven("email_change", token)
		switch {
		case err != nil:
			return err
		case a != mine:
			return refuse("link_not_valid", "The token was used, has expired, or was never sent.")
		case p.accounts[strings.ToLower(proves.email)] != nil:
			return refuse("email_taken", "Another account has this email address.")
		}
		delete(a.proofs, token)
		delete(p.accounts, strings.ToLower(a.Email))
		a.Email, a.EmailVerified = proves.email, true
		p.accounts[strings.ToLower(a.Email)] = a
		return nil
	})
}

// ResetPassword implements web.Proofs.
func (p *Platform) ResetPassword(ctx context.Context, by web.Caller, token, to string) error {
	return tell(ctx, p, Call{Method: "ResetPassword", By: by}, func() error {
		a, _, err := p.proven("password_reset", token)
		if err != nil {
			return err
		}
		if wrong := password(to); wrong != nil {
			return wrong
		}
		delete(a.proofs, token)
		a.password, a.EmailVerified = to, true
		a.endSessions()
		return nil
	})
}
