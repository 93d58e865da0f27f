package user

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Users stores accounts. Times keep their microseconds and come back in UTC.
// Where a context has ended, nothing changes and its error is returned.
type Users interface {
	// Create stores u, whole. An email address with the EmailKey of a stored
	// one is ErrEmailTaken. Of many at once with one
	// address, exactly one is stored.
	Create(ctx context.Context, u User) error

	// Get returns the user with this id, or ErrNotFound.
	Get(ctx context.Context, id string) (User, error)

	// ByEmail returns the user whose email address has the EmailKey of this one,
	// or ErrNotFound.
	ByEmail(ctx context.Context, email string) (User, error)

	// Update stores what change makes of the user with this id, and returns it.
	// An id that is not stored is ErrNotFound. When change returns an error
	// nothing is stored and that error is returned. Of many at once none is
	// lost. Id, email and creation time stay as they are, whatever change does.
	// change does no I/O and may be called again.
	Update(ctx context.Context, id string, change func(*User) error) (User, error)
}

// Sessions stores logins and the hashes of their refresh tokens. Where a
// context has ended, nothing changes and its error is returned.
type Sessions interface {
	// Start stores a session with its first token.
	Start(ctx context.Context, s Session, first RefreshToken) error

	// ByToken returns the session that the token with this hash belongs to,
	// whether the token is used, expired or revoked. A token that is unknown is
	// ErrInvalidGrant.
	ByToken(ctx context.Context, token TokenHash) (Session, error)

	// Account returns the user whose session it is, as stored now.
	//   - A session that is unknown or revoked is ErrInvalidToken.
	//   - So is one of an older password than the user's.
	//   - So is one whose user is gone.
	Account(ctx context.Context, sessionID string) (User, error)

	// Rotate uses up the token with hash old and stores next, its successor.
	//   - A token that is unknown, has expired at now, or belongs to a revoked
	//     session is ErrInvalidGrant.
	//   - While next is unused, a repeat changes nothing and succeeds.
	//   - Of many repeats at once all succeed, and next is stored once.
	//   - Once next is used, a repeat is ErrTokenReused and revokes the session,
	//     even after old has expired. So is another successor than the stored one.
	//   - A repeat with a token that has expired is ErrInvalidGrant, and the
	//     session goes on.
	//   - None of the tokens of a revoked session is good any more.
	//   - The end of one session is no other's.
	Rotate(ctx context.Context, old TokenHash, next RefreshToken, now time.Time) error

	// Revoke ends the session that the token belongs to, used or not. A token
	// that is unknown is no error. Repeating it changes nothing.
	Revoke(ctx context.Context, token TokenHash, now time.Time) error

	// Prune forgets tokens that have expired at now, and sessions that have no
	// other. It keeps used tokens until they expire.
	Prune(ctx context.Context, now time.Time) error
}

// UserSessions is the stored sessions as their users see them. Where a context has
// ended, nothing changes and its error is returned.
type UserSessions interface {
	// List returns up to limit sessions of a user that are good at now.
	//   - Those that began last come first.
	//   - It has none that is revoked, has expired, or is of an older password
	//     than the user's.
	//   - It begins after the one with the id after, or with the newest where that
	//     is empty. Page after page it neither repeats nor skips while sessions
	//     begin and end.
	List(ctx context.Context, userID string, now time.Time, after string, limit int) ([]ActiveSession, error)

	// End revokes a session of a user.
	//   - None of its tokens is good any more.
	//   - A session that is unknown or another user's is ErrSessionNotFound, and
	//     goes on.
	//   - Repeating it changes nothing.
	End(ctx context.Context, userID, sessionID string, now time.Time) error
}

// Guests stores who books without an account. Where a context has ended, nothing
// changes and its error is returned.
type Guests interface {
	// Create stores g, whole. Guests with the same name and email address are two.
	Create(ctx context.Context, g Guest) error

	// Get returns the guest with this id, or ErrNotFound.
	Get(ctx context.Context, id string) (Guest, error)

	// Prune forgets the guests who were made before a time.
	Prune(ctx context.Context, before time.Time) error
}

// AccountMails stores the mails to users about their accounts, and the messages
// about them. Where a context has ended, nothing changes and its error is returned.
type AccountMails interface {
	// Request stores a request, to be worked off.
	//   - Of those with one purpose and the same EmailKey that wait, the first is
	//     kept, and the others are no error.
	Request(ctx context.Context, r MailRequest) error

	// WorkOff decides on up to limit requests, and returns on how many.
	//   - Those that have waited longest come first.
	//   - decide is called with the user who has the address, and with how many
	//     mails of the purpose that user was sent within a span, or the mailbox if that
	//     is more. It does no I/O and may be called again.
	//   - The mail that decide returns, its message and the end of the request are
	//     stored together or not at all. With a nil mail the request ends.
	//   - A request whose address nobody has ends, and decide is not called.
	//   - Of many at once, each request is decided on once, and decide is told of the
	//     mails that the others have stored.
	//   - When decide returns an error nothing is stored, and that error is returned.
	WorkOff(ctx context.Context, within Span, limit int,
		decide func(r MailRequest, u User, recent int) (*AccountMail, events.Message, error)) (int, error)

	// Send stores the mail to a user that make returns, with its message, together or
	// not at all.
	//   - make is called as decide of WorkOff is, the mailbox being email's.
	//   - Of many at once to one mailbox, each is told of the mails that the others have
	//     stored, whoever sends them.
	//   - A user who is unknown is ErrNotFound.
	//   - When make returns an error nothing is stored, and that error is returned.
	Send(ctx context.Context, userID string, p Purpose, email string, within Span, make func(u User, recent int) (*AccountMail, events.Message, error)) error

	// Get returns a mail, and its user as stored now.
	//   - One that is unknown, or whose user is gone, is ErrLinkNotValid.
	//   - It is Outdated if another mail of its purpose to its user was stored after it,
	//     whatever the clock said. Of many that are stored at once, one is not.
	Get(ctx context.Context, id string) (AccountMail, User, error)

	// Use marks a mail as used at now, and stores what change makes of its user, and
	// the mail that it returns, if it does, with its message: together or not at
	// all. It returns the user.
	//   - change is told how many EmailChanged mails the mailbox that m replaces was
	//     sent within a span, as decide of WorkOff is; 0 where m replaces none.
	//   - One that is unknown, or whose user is gone, is ErrLinkNotValid.
	//   - When change returns an error nothing is stored and that error is returned.
	//   - Of many at once each sees what the others have stored, and is told of the mails
	//     to its mailbox among it.
	//   - An email address with the EmailKey of another user's is ErrEmailTaken, and
	//     nothing is stored. The user is found by the new one, and no longer by the old.
	//   - Id and creation time stay as they are, whatever change does.
	Use(ctx context.Context, id string, now time.Time, within Span,
		change func(m AccountMail, u *User, told int) (*AccountMail, events.Message, error)) (User, error)

	// Try counts a try of the code in the mail of a purpose to a user that is not
	// Outdated, and returns that mail with this try.
	//   - Of many at once each has another count.
	//   - A user without such a mail is ErrLinkNotValid.
	Try(ctx context.Context, userID string, p Purpose) (AccountMail, error)

	// Prune forgets the mails whose links expired before a time.
	Prune(ctx context.Context, before time.Time) error
}

// Keys stores signing keys. Where a context has ended, nothing changes and its
// error is returned.
type Keys interface {
	// Add stores key and returns it, unless a stored key's SignsFrom is after
	// unlessAfter; then it stores nothing and returns that key. Of many at once
	// exactly one is stored, and all are told of it. A key comes back as it was
	// stored.
	Add(ctx context.Context, key SigningKey, unlessAfter time.Time) (SigningKey, error)

	// BringForward sets the SignsFrom of the keys that sign from later than latest to to.
	// Nothing else changes.
	BringForward(ctx context.Context, latest, to time.Time) error

	// All returns the keys in the order of SignsFrom.
	All(ctx context.Context) ([]SigningKey, error)

	// Delete forgets a key. One that is not stored is no error.
	Delete(ctx context.Context, id string) error
}

// Hasher hashes passwords so that guessing each costs time and memory.
type Hasher interface {
	// Hash returns a hash that tells nothing of the password. The same password
	// hashed again gives another hash. Where ctx ends first, its error is
	// returned.
	Hash(ctx context.Context, password string) (string, error)

	// Matches reports whether hash is of this very password. A hash that Hash
	// did not make is an error. Where ctx ends first, its error is returned.
	Matches(ctx context.Context, hash, password string) (bool, error)
}

// Tokens makes and verifies access tokens.
type Tokens interface {
	// Sign returns a token that says who the caller is, signed by key and good
	// from now until expires. No two are the same.
	Sign(c identity.Caller, key SigningKey, now, expires time.Time) (string, error)

	// Verify returns whose token it is. A token that is malformed, altered,
	// expired at now or signed by none of keys is ErrInvalidToken.
	Verify(token string, keys []SigningKey, now time.Time) (identity.Caller, error)
}
