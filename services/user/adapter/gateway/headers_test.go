package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// A header that no sidecar would pass on is refused here. Otherwise whoever
// sends one could make a service look as if it were down.
func TestHeadersThatCannotPass(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	for name, want := range map[string]struct {
		status int
		code   problem.Code
	}{
		"Authorization":   {http.StatusUnauthorized, problem.InvalidToken},
		"Content-Type":    {http.StatusUnsupportedMediaType, problem.UnsupportedMedia},
		"Idempotency-Key": {http.StatusUnprocessableEntity, problem.ValidationFailed},
	} {
		for _, value := range []string{strings.Repeat("x", 5000), "a\x80b", "é", "a\tb"} {
			res, body := send(t, addr, "POST", "/bookings", http.Header{name: {"fine", value}}, "{}")
			wantProblem(t, name+": "+value[:1], res, body, want.status, want.code)
		}
	}
	long := strings.Repeat("x", 4000)
	res, body := send(t, addr, "POST", "/bookings", http.Header{"Idempotency-Key": {long, long, long, long, long}}, "{}")
	wantProblem(t, "many", res, body, http.StatusBadRequest, problem.BadRequest)
	if took := b.took(); len(took) != 0 {
		t.Errorf("reached: %v", took)
	}
	send(t, addr, "POST", "/bookings", http.Header{"Idempotency-Key": {strings.Repeat("x", 4096)}}, "{}")
	res, body = send(t, addr, "GET", "/events?q="+strings.Repeat("%28", 3000), nil, "")
	wantProblem(t, "a long query", res, body, http.StatusBadRequest, problem.BadRequest)
	if took := b.took(); len(took) != 1 {
		t.Error("one that is as long as it may be did not reach it")
	}
}

// The document takes any text as these.
func TestHeadersThatAreLeftOut(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	long := strings.Repeat("x", 4000)
	for _, name := range []string{"If-None-Match", "Tracestate"} {
		for _, values := range [][]string{{"a\x80b"}, {"é"}, {"a\tb"}, {"fine", "é"}, {long + long}, {long, long, long, long, long}} {
			res, _ := send(t, addr, "GET", "/events/"+id, http.Header{name: values}, "")
			if passed := b.header(t)[name]; res.StatusCode != http.StatusOK || len(passed) != 0 {
				t.Errorf("%s %.10q: %d, and %.10q passed", name, values, res.StatusCode, passed)
			}
		}
	}
}

// A condition of a change stays one: what cannot pass matches nothing, and what is
// too long to pass may name whatever it must not.
func TestAConditionThatCannotPass(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	long := strings.Repeat(`"1.2",`, 1000)
	for _, op := range []string{"PUT /events/" + id, "DELETE /events/" + id, "POST /events/" + id + "/cancel"} {
		method, path, _ := strings.Cut(op, " ")
		for _, name := range []string{"If-Match", "If-None-Match"} {
			for value, want := range map[string]string{
				"\"é\"":           `"?"`,
				"\"a\x80b\"":      `"a?b"`,
				"\"1.2\",\t\"é\"": `"1.2", "?"`,
				long:              map[string]string{"If-Match": `"?"`, "If-None-Match": "*"}[name],
			} {
				res, _ := send(t, addr, method, path, http.Header{name: {value}}, "")
				if passed := b.header(t)[name]; res.StatusCode != http.StatusOK || !slices.Equal(passed, []string{want}) {
					t.Errorf("%s, %s %.20q: %d, and %q passed, want %q", op, name, value, res.StatusCode, passed, want)
				}
			}
		}
	}
}

// Empty lines, too: with one alone, a change is made on no condition that holds.
func TestPreconditionsPassLineByLine(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	for _, lines := range [][]string{{""}, {"", ""}, {"", `"1.0"`}, {`"1.0"`, `W/"2.0"`}, {`"a,b", "1.0"`}, {"*"}} {
		for _, op := range []string{
			"PUT /events/" + id, "DELETE /events/" + id, "POST /events/" + id + "/cancel", "GET /events/" + id, "GET /events/" + id + "/availability",
		} {
			method, path, _ := strings.Cut(op, " ")
			send(t, addr, method, path, http.Header{"If-Match": lines, "If-None-Match": lines}, "")
			header := b.header(t)
			for _, name := range []string{"If-Match", "If-None-Match"} {
				if passed := header[name]; !slices.Equal(passed, lines) {
					t.Errorf("%s: %s %q passed as %q", op, name, lines, passed)
				}
			}
		}
	}
}

// The key of a link crosses where the operation takes it, and nowhere else. One that
// cannot pass opens nothing, which the booking service says; and it is never logged.
func TestTheKeyOfALinkCrosses(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, log := newGateway(t, b)
	const key = "xvQ8MosBTNjY_I8JO9UQvw"
	long := strings.Repeat("x", 5000)
	for op, crosses := range map[string]bool{
		"GET /bookings/" + id:                      true,
		"GET /bookings/" + id + "/tickets":         true,
		"PUT /bookings/" + id + "/cancel":          true,
		"POST /bookings/" + id + "/cancellations":  true,
		"PATCH /bookings/" + id + "/tickets/" + id: true,
		"POST /bookings/" + id + "/claim":          true,
		"POST /bookings/" + id + "/resend":         true,
		"DELETE /bookings/" + id + "/links":        true,
		"GET /bookings":                            false,
		"GET /bookings/user/" + id:                 false,
		"POST /bookings":                           false,
		"PATCH /bookings/" + id:                    false,
		"POST /bookings/" + id + "/payment":        false,
		"POST /bookings/" + id + "/extension":      false,
		"GET /events/" + id:                        false,
		"GET /notifications":                       false,
	} {
		method, path, _ := strings.Cut(op, " ")
		for sent, want := range map[string]string{key: key, "a\x80b": "?", "é": "?", long: "?"} {
			send(t, addr, method, path, http.Header{"Booking-Key": {sent}}, "{}")
			passed := b.header(t)["Booking-Key"]
			if crosses && !slices.Equal(passed, []string{want}) || !crosses && passed != nil {
				t.Errorf("%s: %.10q passed as %.10q", op, sent, passed)
			}
		}
	}
	if strings.Contains(log.String(), key) {
		t.Error("the key is in the log")
	}
}
