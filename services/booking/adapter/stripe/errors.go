package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// refusal is an answer of Stripe that is no success, without what it quotes of
// the request.
type refusal struct {
	status    int
	kind      stripego.ErrorType
	code      stripego.ErrorCode
	decline   stripego.DeclineCode
	param     string
	requestID string // to find it in Stripe's dashboard
	again     bool   // it is worth trying again
	replayed  bool   // it is how it was then
}

func (r *refusal) Error() string {
	return fmt.Sprintf("stripe answers %d %s %s %s (request %s)", r.status, r.kind, r.code, r.decline, r.requestID)
}

// final says that Stripe will not do it, and why it will not is no passing
// matter of this account or of the network.
func (r *refusal) final() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict, http.StatusTooManyRequests:
		return false
	}
	return r.status >= 400 && r.status < 500
}

// rejectsAmount says that err is a final refusal of what was to be charged. Stripe
// refuses some amounts only when it knows how they are paid.
func rejectsAmount(err error) bool {
	return rejects(err, []stripego.ErrorCode{
		stripego.ErrorCodeAmountTooLarge, stripego.ErrorCodeAmountTooSmall, stripego.ErrorCodeInvalidChargeAmount,
		invalidChargeAmountNoDecimal,
	}, "amount", "currency")
}

// invalidChargeAmountNoDecimal is the code for a part of a króna, which the
// library does not name.
const invalidChargeAmountNoDecimal stripego.ErrorCode = "invalid_charge_amount_no_decimal_compatible"

// rejectsMethod says that err is a final refusal of the means of payment.
func rejectsMethod(err error) bool {
	return rejects(err, []stripego.ErrorCode{stripego.ErrorCodeTokenAlreadyUsed, stripego.ErrorCodeTokenInUse}, "payment_method", "card", "source")
}

// rejects says that err is a final refusal with one of these codes, or of one of
// these parameters.
func rejects(err error, codes []stripego.ErrorCode, params ...string) bool {
	var r *refusal
	if !errors.As(err, &r) || r.kind != stripego.ErrorTypeInvalidRequest || !r.final() {
		return false
	}
	if slices.Contains(codes, r.code) {
		return true
	}
	for _, p := range params {
		if r.param == p || strings.HasPrefix(r.param, p+"[") {
			return true
		}
	}
	return false
}

func read(err error) error {
	var e *stripego.Error
	if !errors.As(err, &e) || e.HTTPStatusCode == 0 {
		return err // of the network, or of the context; these name the host alone
	}
	r := &refusal{
		status: e.HTTPStatusCode, kind: e.Type, code: e.Code, decline: e.DeclineCode, param: e.Param, requestID: e.RequestID,
		again: e.HTTPStatusCode == http.StatusConflict || e.HTTPStatusCode == http.StatusTooManyRequests || e.HTTPStatusCode >= 500,
	}
	r.replayed = replayed(e.LastResponse)
	if r.replayed || e.LastResponse != nil && e.LastResponse.Header.Get("Stripe-Should-Retry") == "false" {
		r.again = false
	}
	return r
}

func unknown(err error) error {
	if errors.Is(err, booking.ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, err)
}

// A call is tried 8 times, over about three seconds; less where its context ends
// before.
var (
	tries  = retry.Limits{Tries: 8}
	pauses = retry.Pauses{First: 50 * time.Millisecond, Limit: time.Second, Jitter: 50}
)

// try calls until there is an answer that stands. Whatever is called may be
// called twice.
func try[T any](ctx context.Context, call func() (T, error)) (v T, err error) {
	err = pauses.Do(ctx, tries, func(ctx context.Context) error {
		if v, err = call(); err == nil {
			return nil
		}
		v, err = *new(T), read(err)
		var r *refusal
		if errors.As(err, &r) && !r.again || ctx.Err() != nil {
			return err
		}
		return retry.Again(err)
	})
	return v, err
}

// tryList is try for one page of a list.
func tryList[T any](ctx context.Context, call func() *stripego.V1List[T]) (*stripego.V1List[T], error) {
	return try(ctx, func() (*stripego.V1List[T], error) {
		list := call()
		return list, list.Err()
	})
}
