package problem_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

func TestRefusedFindsTheSentinelByItsCode(t *testing.T) {
	t.Parallel()
	soldOut, closed := problem.NewRefusal(problem.SoldOut, "sold out"), problem.NewRefusal(problem.SalesClosed, "closed")
	for _, c := range []struct {
		err, want error
	}{
		{fmt.Errorf("event: %w", &problem.Problem{Code: problem.SalesClosed}), closed},
		{&problem.Problem{Code: problem.EventNotFound}, nil},
		{errors.New("no answer"), nil},
		{soldOut, nil}, // is no answer of another service
		{nil, nil},
	} {
		if got := problem.Refused(c.err, soldOut, closed); got != c.want { //nolint:errorlint // a sentinel itself, not wrapped
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestARefusalHasADocumentedCode(t *testing.T) {
	t.Parallel()
	if got := problem.SoldOut.Status(); got != 409 {
		t.Errorf("the status of sold_out is %d, want 409", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a code that is not documented is taken")
		}
	}()
	_ = problem.NewRefusal("teapot", "short and stout")
}
