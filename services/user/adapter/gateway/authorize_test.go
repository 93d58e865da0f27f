package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
)

// changes are the operations that may change something.
var changes = []string{
	"POST /events", "PUT /events/" + id, "DELETE /events/" + id, "POST /events/" + id + "/cancel", "POST /bookings",
	"PUT /bookings/" + id + "/cancel", "POST /bookings/" + id + "/cancellations", "POST /admin/reconciliations",
}

// passing returns a gateway that passes tokens on as passOn says.
func passing(t *testing.T, b *behind, passOn gateway.PassOn) (addr string, log *syncBuffer) {
	t.Helper()
	up := upstreams(t, b)
	return startWith(t, up, passOn)
}

func TestChangesShowTheTokenOfNow(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := passing(t, b, func(_ context.Context, token string) (string, error) { return token + ".now", nil })
	for _, op := range changes {
		method, path, _ := strings.Cut(op, " ")
		// A second line, of which somebody behind might think otherwise, ends here.
		send(t, addr, method, path, http.Header{"Authorization": {"bearer  x", "Bearer y"}}, "{}")
		if got := b.header(t)["Authorization"]; !slices.Equal(got, []string{"Bearer x.now"}) {
			t.Errorf("%s shows %q, want the token of now", op, got)
		}
		send(t, addr, method, path, http.Header{"Authorization": {"Basic eDp5", "Bearer y"}}, "{}")
		if got := b.header(t)["Authorization"]; len(got) != 0 {
			t.Errorf("%s without a token shows %q, want nothing", op, got)
		}
	}
}

func TestChangesAreRefusedWhereTheSessionIsOver(t *testing.T) {
	t.Parallel()
	b := &behind{}
	var answer error
	addr, log := passing(t, b, func(context.Context, string) (string, error) { return "", answer })
	for _, op := range changes {
		method, path, _ := strings.Cut(op, " ")
		do := func() (int, string) {
			res, body := send(t, addr, method, path, http.Header{"Authorization": {"Bearer x"}}, "{}")
			wantProblem(t, op, res, body, res.StatusCode, map[int]problem.Code{401: problem.InvalidToken, 503: problem.UpstreamUnavailable}[res.StatusCode])
			return res.StatusCode, res.Header.Get("Retry-After") + res.Header.Get("Www-Authenticate")
		}
		answer = auth.ErrInvalidToken
		if status, header := do(); status != 401 || !strings.Contains(header, `error="invalid_token"`) {
			t.Errorf("%s with a session that is over: %d, %q, want 401", op, status, header)
		}
		answer = errors.New("the database is away")
		if status, header := do(); status != 503 || header != "1" {
			t.Errorf("%s without an answer: %d, %q, want 503", op, status, header)
		}
	}
	if took := b.took(); len(took) != 0 {
		t.Errorf("reached: %v", took)
	}
	if strings.Count(log.String(), "a session cannot be looked at") != len(changes) {
		t.Errorf("the log is %s", log)
	}
}

// A read asks nobody about the session.
func TestReadsShowTheTokenAsItIs(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := passing(t, b, func(context.Context, string) (string, error) { return "", auth.ErrInvalidToken })
	for _, path := range []string{"/events/" + id + "/cancellation", "/bookings", "/bookings/" + id, "/notifications", "/admin/audit"} {
		send(t, addr, "GET", path, http.Header{"Authorization": {"Bearer x"}}, "")
		if got := b.header(t)["Authorization"]; !slices.Equal(got, []string{"Bearer x"}) {
			t.Errorf("GET %s shows %q, want the client's token", path, got)
		}
	}
}
