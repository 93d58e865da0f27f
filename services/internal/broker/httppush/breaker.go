package httppush

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sony/gobreaker/v2"
)

// openFor is how long a consumer is left alone that did not answer.
const openFor = time.Second

type breaker = gobreaker.TwoStepCircuitBreaker[any]

// newBreaker returns a circuit breaker that one call without an answer opens.
// Each openFor, one call may try the consumer.
func newBreaker(consumer string) *breaker {
	return gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: consumer, Timeout: openFor,
		ReadyToTrip:  func(gobreaker.Counts) bool { return true },
		IsSuccessful: answered,
		IsExcluded:   func(err error) bool { return errors.Is(err, errGivenUp) },
	})
}

// errGivenUp is an end of a call that says nothing about the consumer.
var errGivenUp = errors.New("the caller gave up")

// outcome is what the breaker is told of a call within ctx that ended with err.
func outcome(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errGivenUp, err)
	}
	return err
}

// answered reports whether the consumer said anything at all, be it that it is
// overloaded: that takes no time.
func answered(err error) bool {
	var none *url.Error
	return !errors.As(err, &none) && !errors.Is(err, context.DeadlineExceeded)
}
