package httpkit

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

const (
	dialTimeout = time.Second // the services are neighbours

	// A neighbour that leaves tripAfter calls in a row without an answer is
	// left alone for openFor; then one call may try it, and the next one when
	// that has taken longer than trial: some calls take their time.
	tripAfter = 5
	openFor   = time.Second
	trial     = 2 * time.Second
	// slow is how long a call waits at least before its running out of time
	// says something of the neighbour, and not of the caller's haste.
	slow = time.Second

	// maxTries is how often a call is made at most that may be made again.
	maxTries = 3
)

// tryPauses lie between the tries of a call.
var tryPauses = retry.Pauses{First: 50 * time.Millisecond, Limit: time.Second, Jitter: 50}

// errLeftAlone says that a call was not made.
var errLeftAlone = errors.New("it has not answered lately, and is left alone for a moment")

// NewTransport returns the way to the other services, which are neighbours: it
// asks no proxy, and passes answers as they are. It has no timeout but that of a
// connection; a request's context has one.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 1024, 256
	t.Proxy, t.DisableCompression = nil, true
	return t
}

// Breaking returns next with a circuit breaker for each host, so that callers
// are not dragged along by a neighbour that hangs. Only what is no answer counts
// against it: a refusal, be it of all that it is asked, is an answer; so is an
// error of next that calls itself one by a method Refusal() bool.
func Breaking(next http.RoundTripper, log *slog.Logger) http.RoundTripper {
	return &breaking{next: next, log: log, hosts: map[string]*gobreaker.TwoStepCircuitBreaker[any]{}}
}

type breaking struct {
	next http.RoundTripper
	log  *slog.Logger

	mu    sync.Mutex
	hosts map[string]*gobreaker.TwoStepCircuitBreaker[any]
}

// errHasty is an end of a call that says nothing about whom it was for.
var errHasty = errors.New("the caller gave up")

func (b *breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	breaker := b.of(r.URL.Host)
	done, err := breaker.Allow()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, errLeftAlone
	}
	if breaker.State() == gobreaker.StateHalfOpen {
		// Its place goes to another once; what comes of it counts in any case.
		report, passed := done, &atomic.Bool{}
		done = func(err error) {
			if !errors.Is(err, errHasty) || passed.CompareAndSwap(false, true) {
				report(err)
			}
		}
		defer time.AfterFunc(trial, func() { done(errHasty) }).Stop()
	}
	began := time.Now()
	res, err := b.next.RoundTrip(r)
	switch {
	case err == nil, isRefusal(err):
		done(nil)
	case errors.Is(r.Context().Err(), context.Canceled),
		errors.Is(err, context.DeadlineExceeded) && time.Since(began) < slow:
		done(errHasty)
	default:
		done(err)
	}
	return res, err
}

func (b *breaking) of(host string) *gobreaker.TwoStepCircuitBreaker[any] {
	b.mu.Lock()
	defer b.mu.Unlock()
	breaker := b.hosts[host]
	if breaker == nil {
		breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			Name: host, Timeout: openFor,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
			IsExcluded:  func(err error) bool { return errors.Is(err, errHasty) },
			OnStateChange: func(host string, from, to gobreaker.State) {
				if from == gobreaker.StateClosed || to == gobreaker.StateClosed { // not each try in between
					b.log.Warn("circuit breaker", "neighbour", host, "from", from.String(), "to", to.String())
				}
			},
		})
		b.hosts[host] = breaker
	}
	return breaker
}

// Retrying returns next, which makes a request again that had no answer, if it
// may: soon, a few times, and within the request's context. One that ran out of
// time, was refused, or was not made, is not.
func Retrying(next http.RoundTripper, may func(*http.Request) bool) http.RoundTripper {
	return &retrying{next, may}
}

type retrying struct {
	next http.RoundTripper
	may  func(*http.Request) bool
}

func (t *retrying) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if !t.may(r) || r.Body != nil && r.GetBody == nil {
		return t.next.RoundTrip(r)
	}
	first := true
	err = tryPauses.Do(r.Context(), retry.Limits{Tries: maxTries}, func(ctx context.Context) error {
		try := r
		if !first && r.GetBody != nil {
			try = r.Clone(ctx)
			var err error
			if try.Body, err = r.GetBody(); err != nil {
				return err
			}
		}
		first = false
		var err error
		res, err = t.next.RoundTrip(try) //nolint:bodyclose // the caller's
		if err == nil || ctx.Err() != nil || errors.Is(err, errLeftAlone) || isTimeout(err) || isRefusal(err) {
			return err
		}
		return retry.Again(err)
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

func isRefusal(err error) bool {
	var own interface{ Refusal() bool }
	return errors.As(err, &own) && own.Refusal()
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
