// Package rest is the user service's HTTP API: the only package here that knows
// status codes.
package rest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user"
)

// table says how each of the domain's errors is answered.
var table = httpkit.Errors{}

// patience is how long a request waits for its turn to hash a password, before it
// is told to return.
const patience = 10 * time.Second

// The limits. Failed passwords are counted by address and account, never by
// account alone: that would lock its owner out. An address alone is slowed down
// (pace), and not refused, for it may be that of a school; codes to phones are the
// exception. Successes are counted by
// account: whoever has them knows its password. Tokens of mails are not counted: nobody
// guesses 128 bits, and to look at one is a read by its key.
const (
	// RegistrationsPerMinute, GuestsPerMinute and MailRequestsPerMinute, for mails about
	// accounts, may come from one address before it is slowed down.
	RegistrationsPerMinute = 300
	GuestsPerMinute        = 60
	MailRequestsPerMinute  = 60
	// EmailRequestsPerMinute, for another address of an account, and PhoneRequestsPerMinute
	// may come from one address for an account.
	EmailRequestsPerMinute = 10
	PhoneRequestsPerMinute = 10
	// CodesPerDay are sent to phones for one address, whatever the accounts. Anybody can
	// make accounts and name numbers, and an SMS costs money, so an address is refused
	// here.
	CodesPerDay = 20
	// FailuresPerAccount may come from one address within FailureWindow. After
	// FailuresPerAddress it is slowed down.
	FailuresPerAccount = 10
	FailuresPerAddress = 50
	FailureWindow      = 5 * time.Minute
	// LoginsPerAccount may succeed within FailureWindow.
	LoginsPerAccount = 100

	// remembered is how many addresses, and how many pairs of address and
	// account, are counted at once. The longest unseen are forgotten first.
	remembered = 1 << 16
)

// Options is what the API is made of.
type Options struct {
	Service *user.Service
	Guard   *auth.Guard
	// Clients tells from which address a request came.
	Clients httpkit.Clients
	// AtOnce is how many passwords are worked on at the same time.
	AtOnce int
	// Now is the clock of the limits, time.Now where nil.
	Now func() time.Time
}

type handlers struct {
	service *user.Service
	clients httpkit.Clients

	registrations        *flow
	guests               *flow
	mailRequests         *flow
	emailRequests        *throttle[attempt]
	phoneRequests        *throttle[attempt]
	codes                *throttle[client]
	byAccountFromAddress *throttle[attempt]
	logins               *throttle[user.TokenHash]
	pace                 *pace
	line                 *line

	mu    sync.Mutex
	known *simplelru.LRU[attempt, struct{}] // the accounts that were registered or have logged in, and from where
}

// attempt is somebody who tries passwords of one account. The account is a
// hash: whoever writes a megabyte of user name is not remembered with it.
type attempt struct {
	client  client
	account user.TokenHash
}

func attemptOf(c client, account string) attempt {
	return attempt{c, sha256.Sum256([]byte(account))}
}

// attemptOf is that of the request behind ctx, at the account with this email address.
func (h *handlers) attemptOf(ctx context.Context, email string) attempt {
	return attemptOf(clientOf(ctx), user.EmailKey(h.service.Normalize(email)))
}

// Register adds the operations to mux, and to api for those who read its
// document.
func Register(mux *chi.Mux, api huma.API, o Options) {
	h := newHandlers(o)
	h.registerUsers(api, o.Guard)
	h.registerGuests(api)
	h.registerAccountMails(api, o.Guard)
	h.registerSessions(api, o.Guard)
	h.registerKeys(api, o.Guard)
	mux.HandleFunc("/token", h.token)
	mux.HandleFunc("/token/revoke", h.revoke)
	describeToken(api)
}

func newHandlers(o Options) *handlers {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &handlers{
		service:              o.Service,
		clients:              o.Clients,
		registrations:        newFlow(RegistrationsPerMinute, time.Minute, o.Now),
		guests:               newFlow(GuestsPerMinute, time.Minute, o.Now),
		mailRequests:         newFlow(MailRequestsPerMinute, time.Minute, o.Now),
		emailRequests:        newThrottle[attempt](EmailRequestsPerMinute, time.Minute, o.Now),
		phoneRequests:        newThrottle[attempt](PhoneRequestsPerMinute, time.Minute, o.Now),
		codes:                newThrottle[client](CodesPerDay, 24*time.Hour, o.Now),
		byAccountFromAddress: newThrottle[attempt](FailuresPerAccount, FailureWindow, o.Now),
		logins:               newThrottle[user.TokenHash](LoginsPerAccount, FailureWindow, o.Now),
		pace:                 newPace(FailuresPerAddress, FailureWindow, o.Now),
		line:                 newLine(o.AtOnce, maxWaiting),
	}
	var err error
	if h.known, err = simplelru.NewLRU[attempt, struct{}](remembered, nil); err != nil {
		panic(err) // only for a size that is not positive
	}
	return h
}

// NewGuard returns the guard of what the user service itself serves. It asks
// nobody: keys, sessions and accounts are in the service's own database.
// verifyService is as in auth.Guard.
func NewGuard(s *user.Service, verifyService func(token string) (service string, err error)) *auth.Guard {
	return &auth.Guard{Verify: verifying(s.Verify), VerifyChange: verifying(s.VerifyChange), VerifyService: verifyService}
}

// PassOn is user.Service.PassOn with auth's errors.
func PassOn(s *user.Service) func(ctx context.Context, token string) (string, error) {
	return verifying(s.PassOn)
}

// verifying returns f with auth's error for an invalid token.
func verifying[T any](f func(context.Context, string) (T, error)) func(context.Context, string) (T, error) {
	return func(ctx context.Context, token string) (T, error) {
		out, err := f(ctx, token)
		if errors.Is(err, user.ErrInvalidToken) {
			err = fmt.Errorf("%w: %w", auth.ErrInvalidToken, err)
		}
		return out, err
	}
}

// client is who is counted as one.
type client = netip.Prefix

func (h *handlers) clientOf(r *http.Request) client {
	return httpkit.ClientNetwork(h.clients.Address(r))
}

type clientKey struct{}

// fromClient returns op with its client's address for clientOf.
func (h *handlers) fromClient(op huma.Operation) huma.Operation {
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humachi.Unwrap(ctx)
		next(huma.WithValue(ctx, clientKey{}, h.clientOf(r)))
	})
	return op
}

func clientOf(ctx context.Context) client {
	c, _ := ctx.Value(clientKey{}).(client)
	return c
}

func tooMany(wait time.Duration) *httpkit.Error {
	return httpkit.NewProblem(http.StatusTooManyRequests, problem.RateLimited, "There were too many attempts.").
		WithRetryAfter(httpkit.Seconds(wait))
}
