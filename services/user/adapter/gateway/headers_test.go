package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// A header that no sidecar would pass on is refused here. Otherwise whoever
// sends one could make a service look as if it were down.
func TestHeadersThatCannotPass(t *testing.T) {
	b := &behind{}
	addr, _ := newGateway(t, b)
	for name, want := range map[string]struct {
		status int
		code   problem.Code
	}{
		"Authorization":   {http.StatusUnauthorized, problem.InvalidToken},
		"Content-Type":    {http.StatusUnsupportedMediaType, problem.UnsupportedMedia},
		"Idempotency-Key": {http.StatusUnprocessableEntity, problem.ValidationFailed},
		"If-Match":        {http.StatusBadRequest, problem.BadRequest},
		"If-None-Match":   {http.StatusBadRequest, problem.BadRequest},
		"Tracestate":      {http.StatusBadRequest, problem.BadRequest},
	} {
		for _, value := range []string{strings.Repeat("x", 5000), "a\x80b", "é", "a\tb"} {
			res, body := send(t, addr, "POST", "/bookings", http.Header{name: {"fine", value}}, "{}")
			wantProblem(t, name+": "+value[:1], res, body, want.status, want.code)
		}
	}
	res, body := send(t, addr, "POST", "/bookings", http.Header{"Tracestate": {
		strings.Repeat("x", 4000), strings.Repeat("x", 4000), strings.Repeat("x", 4000), strings.Repeat("x", 4000), strings.Repeat("x", 4000),
	}}, "{}")
	wantProblem(t, "many", res, body, http.StatusBadRequest, problem.BadRequest)
	if took := b.took(); len(took) != 0 {
		t.Errorf("reached: %v", took)
	}
	send(t, addr, "POST", "/bookings", http.Header{"Tracestate": {strings.Repeat("x", 4096)}}, "{}")
	res, body = send(t, addr, "GET", "/events?q="+strings.Repeat("%28", 3000), nil, "")
	wantProblem(t, "a long query", res, body, http.StatusBadRequest, problem.BadRequest)
	if took := b.took(); len(took) != 1 {
		t.Error("one that is as long as it may be did not reach it")
	}
}
