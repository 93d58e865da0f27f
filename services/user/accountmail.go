package user

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Purpose is what the link in an account mail is for.
type Purpose string

// The purposes.
const (
	Verification  Purpose = "verification"
	PasswordReset Purpose = "password_reset"
	EmailChange   Purpose = "email_change" // to the new address
	// EmailChanged tells the old address. It has no link.
	EmailChanged Purpose = "email_changed"
	// PhoneChange is no mail: it goes to a phone, and has a code in place of a link.
	PhoneChange Purpose = "phone_change"
)

// The limits of account mails.
const (
	VerificationLife  = 48 * time.Hour
	PasswordResetLife = time.Hour
	EmailChangeLife   = 24 * time.Hour
	PhoneChangeLife   = 10 * time.Minute
	// CodeTries is how often the code of a PhoneChange may be tried.
	CodeTries = 5
	// noticeLife is how long an old address may be told of the new one.
	noticeLife = 48 * time.Hour
	// MailsPerHour is how many mails of one purpose a user is sent within an hour, and
	// a mailbox. Whoever asks may not be the user.
	MailsPerHour = 3
	// clocksDiffer is more than the clocks of several processes do. A link from further
	// ahead was made by a wrong one, and would be good for too long.
	clocksDiffer = 15 * time.Minute
	// mailsKept is how long a mail is known after its link has expired.
	mailsKept = 24 * time.Hour
)

// Span is a stretch of time, without its ends.
type Span struct{ After, Before time.Time }

// recently is when mails were sent that count towards MailsPerHour at now. It reaches as
// far ahead as back: a mail of another process may be some moments younger, and a clock
// that was ahead keeps nobody from mails for longer than the hour.
func recently(now time.Time) Span { return Span{now.Add(-time.Hour), now.Add(time.Hour)} }

// MailRequest is somebody's wish for a mail, which is decided upon later: who
// asks learns nothing about whether the address has an account.
type MailRequest struct {
	Purpose Purpose
	Email   string // as it was asked for
	At      time.Time
	// TraceParent is the W3C Trace Context of the request, or "".
	TraceParent string
}

// AccountMail is a mail to a user with a link that does something once.
type AccountMail struct {
	ID      string // UUIDv7, and the id of the message about it
	Purpose Purpose
	UserID  string
	// Email is the address that it is sent to, or the number of a PhoneChange.
	// Whoever has the link, or the code, has this mailbox or phone.
	Email string
	// Replaces is the address that Email takes the place of; "" where it does not.
	Replaces string
	// PasswordVersion is the user's when it was made.
	PasswordVersion int64
	// Secret makes the token. No message and no mail store has either.
	Secret    []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero until the token is used
	Tries     int       // how often its code was tried
	// Outdated says that the user was sent a newer mail of this purpose. The store finds
	// it out.
	Outdated bool
}

// Token returns what the link ends with: the same each time, so that a mail that is
// sent again is the same mail.
func (m AccountMail) Token() (string, error) {
	id, err := uuid.Parse(m.ID)
	if err != nil {
		return "", fmt.Errorf("the id of an account mail: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(id[:], m.mac(id)...)), nil
}

// mac is 128 bits that nobody can guess who has not the secret.
func (m AccountMail) mac(id uuid.UUID) []byte {
	mac := hmac.New(sha256.New, m.Secret)
	mac.Write([]byte(m.Purpose))
	mac.Write(id[:])
	return mac.Sum(nil)[:tokenMAC]
}

const tokenMAC = 16

// codeDigits is how long the code of a PhoneChange is.
const codeDigits = 6

// code returns what a PhoneChange says: the same each time, as Token is. Nobody who
// has CodeTries guesses it.
func (m AccountMail) code() (string, error) {
	id, err := uuid.Parse(m.ID)
	if err != nil {
		return "", fmt.Errorf("the id of an account mail: %w", err)
	}
	return fmt.Sprintf("%0*d", codeDigits, binary.BigEndian.Uint64(m.mac(id))%1_000_000), nil
}

// parseCode returns the digits of code, and what is wrong with it.
func parseCode(code string) (string, problem.Invalid) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	if len(code) != codeDigits || strings.ContainsFunc(code, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", invalid("code", "must be the six digits from the SMS")
	}
	return code, nil
}

// parseToken returns the id of the mail that token says it comes from, and the rest,
// which proves it.
func parseToken(token string) (id uuid.UUID, mac []byte, wrong problem.Invalid) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimSpace(token))
	if err != nil || len(b) != len(id)+tokenMAC {
		return id, nil, invalid("token", "must be a token from a mail")
	}
	return uuid.UUID(b[:len(id)]), b[len(id):], nil
}

// due returns why the link of m does nothing for u at now: ErrLinkNotValid, or nil.
func (m AccountMail) due(u User, now time.Time) error {
	if !m.UsedAt.IsZero() || !now.Before(m.ExpiresAt) || m.CreatedAt.After(now.Add(clocksDiffer)) {
		return ErrLinkNotValid
	}
	due := false
	switch m.Purpose {
	case Verification:
		due = sameEmail(m.Email, u.Email) && !u.EmailVerified()
	case PasswordReset:
		due = sameEmail(m.Email, u.Email) && m.PasswordVersion == u.PasswordVersion
	case EmailChange:
		due = m.Replaces == u.Email && m.PasswordVersion == u.PasswordVersion
	case EmailChanged:
		due = true
	case PhoneChange:
		due = m.PasswordVersion == u.PasswordVersion
	}
	if !due {
		return ErrLinkNotValid
	}
	return nil
}

// replaced reports whether only a newer mail is to be sent. A notice has none: each tells
// of a change of its own.
func (m AccountMail) replaced() bool { return m.Outdated && m.Purpose != EmailChanged }

func sameEmail(a, b string) bool { return EmailKey(a) == EmailKey(b) }

// RequestMail stores the wish for a mail of this purpose. Whether the address has
// an account is looked up later. An email address that is none is a
// problem.Invalid.
func (s *Service) RequestMail(ctx context.Context, p Purpose, email string) error {
	email, wrong := contact.Email("email", s.Normalize(email))
	if wrong != nil {
		return wrong
	}
	r := MailRequest{Purpose: p, Email: email, At: s.now(), TraceParent: s.trace(ctx)}
	if err := s.AccountMails.Request(ctx, r); err != nil {
		return err
	}
	select {
	case s.requested <- struct{}{}:
	default:
	}
	return nil
}

// decideOnMail returns the mail that r leads to, and the message about it, or nil:
// for an account that has its mails of this hour, or nothing to verify.
func (s *Service) decideOnMail(r MailRequest, u User, recent int) (*AccountMail, events.Message, error) {
	if recent >= MailsPerHour || r.Purpose == Verification && u.EmailVerified() {
		return nil, events.Message{}, nil
	}
	life := map[Purpose]time.Duration{Verification: VerificationLife, PasswordReset: PasswordResetLife}[r.Purpose]
	if life == 0 {
		return nil, events.Message{}, nil // of a newer version
	}
	return newMail(AccountMail{Purpose: r.Purpose, Email: u.Email}, u, s.now(), life, r.TraceParent)
}

// newMail returns m, made now for u, with the message about it.
func newMail(m AccountMail, u User, now time.Time, life time.Duration, traceParent string) (*AccountMail, events.Message, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, events.Message{}, err
	}
	m.ID, m.UserID, m.PasswordVersion, m.Secret = id.String(), u.ID, u.PasswordVersion, random()
	m.CreatedAt, m.ExpiresAt = now, now.Add(life)
	data, err := json.Marshal(events.AccountMail{MailID: m.ID, UserID: m.UserID, Purpose: string(m.Purpose), OccurredAt: now})
	if err != nil {
		return nil, events.Message{}, err
	}
	return &m, events.Message{
		SpecVersion: events.SpecVersion, ID: m.ID, Source: "user", Type: events.TypeAccountMail, Subject: u.ID,
		Time: now, DataContentType: "application/json", TraceParent: traceParent, Data: data,
	}, nil
}

// workOffPoll is how often requests of other processes are looked for, and
// workOffBatch how many are decided upon in one transaction.
const (
	workOffPoll  = time.Second
	workOffBatch = 50
)

// WorkOff decides on the mails that were asked for, until ctx ends.
func (s *Service) WorkOff(ctx context.Context) error {
	tick := time.NewTicker(workOffPoll)
	defer tick.Stop()
	for {
		if err := worker.Try(ctx, s.Log, "account mails", func() error { return s.WorkOffNow(ctx) }); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "account mails not decided upon", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.requested:
		case <-tick.C:
		}
	}
}

// WorkOffNow decides on the mails that have been asked for.
func (s *Service) WorkOffNow(ctx context.Context) error {
	for {
		n, err := s.AccountMails.WorkOff(ctx, recently(s.now()), workOffBatch, s.decideOnMail)
		if err != nil {
			return err
		}
		if n > 0 && s.Committed != nil {
			s.Committed()
		}
		if n < workOffBatch {
			return nil
		}
	}
}

// MailContent is what an account mail says when it is sent.
type MailContent struct {
	ID, UserID       string
	Purpose          Purpose
	To, Name, Locale string
	// URL is the link; "" where there is no web site. Then the mail says Token.
	URL, Token string
	// Code is what a PhoneChange says in their place.
	Code      string
	ExpiresAt time.Time
}

// paths are where the web site takes the tokens.
var paths = map[Purpose]string{Verification: "verify", PasswordReset: "password-reset", EmailChange: "email"}

// Mail returns what the account mail says now, or ErrMailNotDue where there is
// none, or no reason to send it any more: a newer one has been asked for, or its link
// does nothing. A link that was mailed before stays good.
func (s *Service) Mail(ctx context.Context, id string) (MailContent, error) {
	m, u, err := s.AccountMails.Get(ctx, id)
	if errors.Is(err, ErrLinkNotValid) || err == nil && (m.replaced() || m.due(u, s.now()) != nil) {
		return MailContent{}, ErrMailNotDue
	}
	if err != nil {
		return MailContent{}, err
	}
	token, err := m.Token()
	if err != nil {
		return MailContent{}, err
	}
	c := MailContent{ID: m.ID, UserID: u.ID, Purpose: m.Purpose, To: m.Email, Name: u.Name, Locale: u.Locale, ExpiresAt: m.ExpiresAt}
	switch {
	case m.Purpose == EmailChanged:
	case m.Purpose == PhoneChange:
		c.Code, err = m.code()
		return c, err
	case s.WebURL == "":
		c.Token = token
	default:
		c.URL = s.WebURL + "/" + paths[m.Purpose] + "/" + token
	}
	return c, nil
}

// ConfirmEmail says that the user of the token has the mailbox of the account. A
// token that is none is a problem.Invalid; one that was used, has expired, or is
// forged is ErrLinkNotValid.
func (s *Service) ConfirmEmail(ctx context.Context, token string) error {
	_, err := s.use(ctx, Verification, token, func(_ AccountMail, u *User, _ int, now time.Time) (*AccountMail, events.Message, error) {
		u.EmailVerifiedAt = now
		return nil, events.Message{}, nil
	})
	return err
}

// RequestEmail mails a token to a new address of the user's, for ConfirmNewEmail. Until
// that the old one stays. An address that is none is a problem.Invalid; otherwise
// errors are ErrWrongPassword, ErrAdminAddress, ErrEmailTaken and ErrTooManyMails.
func (s *Service) RequestEmail(ctx context.Context, userID, email, password string) error {
	email, wrong := contact.Email("email", s.Normalize(email))
	if wrong != nil {
		return wrong
	}
	u, err := s.Users.Get(ctx, userID)
	if err != nil {
		return err
	}
	switch ok, err := s.matches(ctx, u.PasswordHash, password); {
	case err != nil:
		return err
	case !ok:
		return ErrWrongPassword
	case u.Role == identity.Admin:
		return ErrAdminAddress // the next start would make another admin of the old one
	}
	switch other, err := s.Users.ByEmail(ctx, email); {
	case err == nil && other.ID != u.ID:
		return ErrEmailTaken
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	}
	now, version := s.now(), u.PasswordVersion
	err = s.AccountMails.Send(ctx, userID, EmailChange, email, recently(now), func(u User, recent int) (*AccountMail, events.Message, error) {
		switch {
		case recent >= MailsPerHour:
			return nil, events.Message{}, ErrTooManyMails
		case u.PasswordVersion != version:
			return nil, events.Message{}, ErrWrongPassword // it was changed meanwhile
		}
		return newMail(AccountMail{Purpose: EmailChange, Email: email, Replaces: u.Email}, u, now, EmailChangeLife, s.trace(ctx))
	})
	if err == nil && s.Committed != nil {
		s.Committed()
	}
	return err
}

// ConfirmNewEmail gives the user the address to which the token was mailed, which
// proves it, and tells the old one. A token of another user's is ErrLinkNotValid, as
// whatever ConfirmEmail calls so. An address that another account has got meanwhile is
// ErrEmailTaken. Where the old address was never proven and its mailbox has been told
// of enough changes within the hour, ErrTooManyMails changes nothing.
func (s *Service) ConfirmNewEmail(ctx context.Context, userID, token string) (User, error) {
	u, err := s.use(ctx, EmailChange, token, func(m AccountMail, u *User, told int, now time.Time) (*AccountMail, events.Message, error) {
		proven := u.EmailVerified()
		switch {
		case m.UserID != userID:
			return nil, events.Message{}, ErrLinkNotValid
		case sameEmail(m.Replaces, m.Email):
			u.Email, u.EmailVerifiedAt = m.Email, now
			return nil, events.Message{}, nil // there is no other mailbox to tell
		case !proven && told >= MailsPerHour:
			// Anybody may register with a stranger's address, and leave it again. A proven
			// one must be taken back with its mailbox before it is left once more.
			return nil, events.Message{}, ErrTooManyMails
		}
		u.Email, u.EmailVerifiedAt = m.Email, now
		return newMail(AccountMail{Purpose: EmailChanged, Email: m.Replaces}, *u, now, noticeLife, s.trace(ctx))
	})
	if err == nil {
		s.Log.InfoContext(ctx, "email address changed", "user_id", u.ID)
		if s.Committed != nil {
			s.Committed()
		}
	}
	return u, err
}

// RequestPhone sends a code to a number, for ConfirmPhone. Until that the user keeps the
// phone of before. A number that is none is a problem.Invalid; otherwise the error is
// ErrTooManyMails, where the user or the number was sent enough codes within the hour.
func (s *Service) RequestPhone(ctx context.Context, userID, phone string) error {
	phone, wrong := contact.Phone("phone", phone)
	if wrong == nil && phone == "" {
		wrong = invalid("phone", "must be a number like +4915112345678")
	}
	if wrong != nil {
		return wrong
	}
	now := s.now()
	err := s.AccountMails.Send(ctx, userID, PhoneChange, phone, recently(now), func(u User, recent int) (*AccountMail, events.Message, error) {
		if recent >= MailsPerHour {
			return nil, events.Message{}, ErrTooManyMails
		}
		return newMail(AccountMail{Purpose: PhoneChange, Email: phone}, u, now, PhoneChangeLife, s.trace(ctx))
	})
	if err == nil && s.Committed != nil {
		s.Committed()
	}
	return err
}

// ConfirmPhone gives the user the number to which the code was sent last, which proves
// it. A code that is none is a problem.Invalid. Another one than was sent is
// ErrWrongCode, and counts: after CodeTries, and when it was used or has expired, it is
// ErrLinkNotValid.
func (s *Service) ConfirmPhone(ctx context.Context, userID, code string) (User, error) {
	code, wrong := parseCode(code)
	if wrong != nil {
		return User{}, wrong
	}
	// The try is stored before the code is looked at: however many try at once, each
	// counts.
	m, err := s.AccountMails.Try(ctx, userID, PhoneChange)
	if err != nil {
		return User{}, err
	}
	sent, err := m.code()
	switch {
	case err != nil:
		return User{}, err
	case m.Tries > CodeTries:
		return User{}, ErrLinkNotValid
	}
	now := s.now()
	u, err := s.AccountMails.Use(ctx, m.ID, now, recently(now), func(m AccountMail, u *User, _ int) (*AccountMail, events.Message, error) {
		if err := m.due(*u, now); err != nil {
			return nil, events.Message{}, err
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(sent)) == 0 {
			return nil, events.Message{}, ErrWrongCode
		}
		u.setPhone(m.Email, now)
		u.UpdatedAt = now
		return nil, events.Message{}, nil
	})
	if err == nil {
		s.Log.InfoContext(ctx, "phone number proven", "user_id", u.ID)
	}
	return u, err
}

// trace is the W3C Trace Context of what ctx is about, or "".
func (s *Service) trace(ctx context.Context) string {
	if s.TraceParent == nil {
		return ""
	}
	return s.TraceParent(ctx)
}

// ResetPassword gives the token's user a new password, which ends all sessions,
// and says that they have the mailbox. Its errors are ConfirmEmail's, and
// ErrPasswordTooCommon. None of them uses up the token.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	id, mac, badToken := parseToken(token)
	if badToken != nil {
		return joinInvalid(badToken, s.checkPassword(password, ""))
	}
	u, err := s.prove(ctx, PasswordReset, id, mac)
	if err != nil {
		return err
	}
	if err := s.checkPassword(password, u.Email); err != nil {
		return err
	}
	hash, err := s.Hasher.Hash(ctx, s.Normalize(password))
	if err != nil {
		return err
	}
	u, err = s.use(ctx, PasswordReset, token, func(_ AccountMail, u *User, _ int, now time.Time) (*AccountMail, events.Message, error) {
		u.PasswordHash = hash
		u.PasswordVersion++
		if !u.EmailVerified() {
			// Whoever registered was perhaps somebody else, and so is this phone's owner.
			u.EmailVerifiedAt = now
			u.setPhone("", time.Time{})
		}
		return nil, events.Message{}, nil
	})
	if err == nil {
		s.Log.InfoContext(ctx, "password reset", "user_id", u.ID)
	}
	return err
}

// prove returns the user of the mail with this id, if mac proves that somebody has read
// it, and its link does something now; else ErrLinkNotValid. It only reads.
func (s *Service) prove(ctx context.Context, p Purpose, id uuid.UUID, mac []byte) (User, error) {
	m, u, err := s.AccountMails.Get(ctx, id.String())
	switch {
	case err != nil:
		return User{}, err
	case m.Purpose != p || !hmac.Equal(m.mac(id), mac) || m.due(u, s.now()) != nil:
		return User{}, ErrLinkNotValid
	}
	return u, nil
}

// use uses up the token of a mail of this purpose for a change of its user, which may
// lead to another mail.
func (s *Service) use(ctx context.Context, p Purpose, token string,
	change func(m AccountMail, u *User, told int, now time.Time) (*AccountMail, events.Message, error),
) (User, error) {
	id, mac, wrong := parseToken(token)
	if wrong != nil {
		return User{}, wrong
	}
	// A token that proves nothing keeps nobody from writing.
	if _, err := s.prove(ctx, p, id, mac); err != nil {
		return User{}, err
	}
	now := s.now()
	return s.AccountMails.Use(ctx, id.String(), now, recently(now), func(m AccountMail, u *User, told int) (*AccountMail, events.Message, error) {
		if m.Purpose != p || !hmac.Equal(m.mac(id), mac) {
			return nil, events.Message{}, ErrLinkNotValid
		}
		if err := m.due(*u, now); err != nil {
			return nil, events.Message{}, err
		}
		u.UpdatedAt = now
		return change(m, u, told, now)
	})
}
