package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
)

// challenge is a page of the sandbox.
const challenge = "/payments/sandbox/challenge/UQ4SCMBVQKQLZ5NUJKO6PKW2QE"

func TestOperationsReachTheirServices(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	for request, want := range map[string]string{
		"GET /events": "event GET /events",
		"GET /events?sort=-starts_at&q=jazz+%26+blues&limit=5&x=1&cursor=a%3D&from=2030-01-01T00:00:00Z": "event GET /events?cursor=a%3D&from=2030-01-01T00%3A00%3A00Z&limit=5&q=jazz+%26+blues&sort=-starts_at",
		"GET /events/" + id: "event GET /events/" + id,
		"GET /events/" + strings.ToUpper(id) + "?attempt=1":  "event GET /events/" + id,
		"GET /events/" + id + "/availability":                "event GET /events/" + id + "/availability",
		"POST /events":                                       "event POST /events",
		"PUT /events/" + id:                                  "event PUT /events/" + id,
		"DELETE /events/" + id:                               "event DELETE /events/" + id,
		"POST /events/" + id + "/cancel":                     "event POST /events/" + id + "/cancel",
		"GET /events/" + id + "/cancellation":                "event GET /events/" + id + "/cancellation",
		"POST /bookings":                                     "booking POST /bookings",
		"GET /bookings?limit=1&user_id=x":                    "booking GET /bookings?limit=1",
		"GET /bookings/" + id:                                "booking GET /bookings/" + id,
		"GET /bookings/user/" + id + "?cursor=c":             "booking GET /bookings/user/" + id + "?cursor=c",
		"PUT /bookings/" + id + "/cancel":                    "booking PUT /bookings/" + id + "/cancel",
		"POST /bookings/" + id + "/cancellations":            "booking POST /bookings/" + id + "/cancellations",
		"GET /bookings/" + id + "/tickets":                   "booking GET /bookings/" + id + "/tickets",
		"POST /bookings/" + id + "/claim":                    "booking POST /bookings/" + id + "/claim",
		"POST /bookings/" + id + "/resend":                   "booking POST /bookings/" + id + "/resend",
		"POST /bookings/links":                               "booking POST /bookings/links",
		"DELETE /bookings/" + id + "/links":                  "booking DELETE /bookings/" + id + "/links",
		"POST /payments/stripe/webhook":                      "booking POST /payments/stripe/webhook",
		"GET " + challenge + "?outcome=refused":              "booking GET " + challenge,
		"POST " + challenge + "?outcome=refused&x=1":         "booking POST " + challenge + "?outcome=refused",
		"GET /admin/audit?event_id=" + id + "&limit=5&by=me": "booking GET /admin/audit?event_id=" + id + "&limit=5",
		"GET /admin/audit?cursor=c&booking_id=" + id:         "booking GET /admin/audit?booking_id=" + id + "&cursor=c",
		"GET /admin/reconciliations?limit=1&cursor=c&days=1": "booking GET /admin/reconciliations?cursor=c&limit=1",
		"POST /admin/reconciliations?days=7&limit=1":         "booking POST /admin/reconciliations?days=7",
		"POST /admin/reconciliations/" + id + "/accept":      "booking POST /admin/reconciliations/" + id + "/accept",
		"GET /admin/stuck-bookings?limit=1&cursor=c&days=1":  "booking GET /admin/stuck-bookings?cursor=c&limit=1",
		"POST /admin/stuck-bookings/" + id + "/retry":        "booking POST /admin/stuck-bookings/" + id + "/retry",
		"GET /notifications?status=SENT&booking_id=" + id:    "notification GET /notifications?booking_id=" + id + "&status=SENT",
	} {
		method, target, _ := strings.Cut(request, " ")
		res, body := send(t, addr, method, target, nil, "")
		if res.StatusCode != 200 || body != "{}" {
			t.Errorf("%s: %d %s", request, res.StatusCode, body)
		}
		if d := cmp.Diff([]string{want}, b.took()); d != "" {
			t.Errorf("%s (-want +got):\n%s", request, d)
		}
	}
}

// Whatever path a client makes up, nothing but the known operations is reached.
func TestInternalOperationsAreNotReachable(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	for _, op := range []string{
		"PUT /events/" + id + "/book", "PUT /events/" + id + "/release", "POST /events/" + id + "/return", "GET /reservations", "POST /receipts", "GET /cancelled-events/" + id, "GET /charge-limits/EUR", "GET /users/" + id + "/contact",
		"GET /dead-letters", "POST /dead-letters/" + id + "/replay", "GET /payments/sandbox/ledger", "GET /notifications/test", "POST /notifications/test",
	} {
		method, path, _ := strings.Cut(op, " ")
		last := path[strings.LastIndex(path, "/")+1:]
		parent := strings.TrimSuffix(path, "/"+last)
		for _, target := range []string{
			path, path + "/", "/" + path, parent + "//" + last, parent + "%2f" + last, parent + "%2F" + last, parent + "%252f" + last,
			parent + "/./" + last, parent + "/x/../" + last, parent + "/%2e%2e/" + last, parent + "/%2e/" + last, parent + "\\" + last, parent + "%5c" + last,
			parent + "/availability/../" + last, parent + "/availability%2f..%2f" + last, parent + ";x/" + last, parent + "/" + last + ";x",
			"/events/" + id + "/availability/..%2f" + last, "/events/..%2f" + last, "/bookings/" + id + "%2f..%2f..%2f" + last,
			parent + "/" + strings.ToUpper(last), "http://gateway" + path, "http://127.0.0.1:8081" + path, "/events?" + path, "/events/" + id + "?/../" + last,
		} {
			for _, header := range []http.Header{nil, {"X-Http-Method-Override": {method}, "X-Original-Url": {path}, "X-Rewrite-Url": {path}, "X-Service-Token": {"x"}}} {
				for _, m := range []string{method, "POST", "GET", "PUT"} {
					send(t, addr, m, target, header, "")
				}
			}
		}
	}
	took := b.took()
	if len(took) == 0 {
		t.Error("nothing was reached at all")
	}
	for _, took := range took {
		if !known.MatchString(took) {
			t.Errorf("reached: %s", took)
		}
	}
}

// known is all that may be reached. Queries of unknown parameters are dropped.
var known = regexp.MustCompile(strings.ReplaceAll(`^(event (GET|POST) /events|event (GET|PUT|DELETE) /events/UUID|event GET /events/UUID/(availability|cancellation)|`+
	`event POST /events/UUID/cancel|booking (GET|POST) /bookings|booking GET /bookings/(user/)?UUID|booking PUT /bookings/UUID/cancel|`+
	`booking POST /bookings/UUID/cancellations|booking POST /payments/stripe/webhook|booking (GET|POST) /payments/sandbox/challenge/[A-Z2-7]{26,52}|booking GET /admin/audit|booking (GET|POST) /admin/reconciliations|booking POST /admin/reconciliations/UUID/accept|booking GET /admin/stuck-bookings|booking POST /admin/stuck-bookings/UUID/retry|`+
	`notification GET /notifications)$`, "UUID", `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`))

func TestIDsAreUUIDs(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	for _, bad := range []string{
		"1", "book", id + "x", "%7B" + id + "%7D", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id + "%2fbook", id + "%00", "..%2f" + id, "%20" + id[1:],
	} {
		for _, path := range []string{"/events/" + bad, "/bookings/" + bad, "/bookings/user/" + bad} {
			res, body := send(t, addr, "GET", path, nil, "")
			wantProblem(t, path, res, body, 422, problem.ValidationFailed)
		}
	}
	if took := b.took(); len(took) != 0 {
		t.Errorf("reached: %v", took)
	}
}

func TestHeadersThatCross(t *testing.T) {
	t.Parallel()
	b := &behind{answer: func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range map[string]string{
			"Etag": `"1.2"`, "Location": "http://elsewhere/x", "Retry-After": "3", "Cache-Control": "no-cache", "Www-Authenticate": "Bearer",
			"Content-Type": "application/problem+json", "Set-Cookie": "a=b", "Server": "x", "Dapr-App-Id": "x", "X-Internal": "x",
		} {
			w.Header().Set(k, v)
		}
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "half ", "past")
	}}
	addr, _ := newGateway(t, b)
	const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	passed := http.Header{
		"Authorization": {"Bearer x"}, "Content-Type": {"application/json; charset=utf-8"}, "Idempotency-Key": {"k"},
		"Traceparent": {traceparent}, "Tracestate": {"a=b"},
	}
	sent := passed.Clone()
	for _, k := range []string{
		"If-Match", "If-None-Match", "Stripe-Signature", // of other operations
		"X-Service-Token", "Dapr-Api-Token", "dapr-app-id", "Cookie", "Client-Address", "X-Forwarded-For", "Forwarded", "X-Real-Ip", "Te", "Upgrade", "Proxy-Authorization",
		"X-Http-Method-Override", "Referer", "Keep-Alive", "Trailer", "Via", "Baggage", "User-Agent", "Accept-Encoding", "Accept",
	} {
		sent[k] = []string{"evil"}
	}
	res, body := send(t, addr, "POST", "/bookings", sent, `{"a":1}`)
	b.mu.Lock()
	got, gotBody := b.seen[0], b.bodies[0]
	b.mu.Unlock()
	got.Header.Del("Test-Service")
	if got.Header.Get("X-Service-Token") == "evil" {
		t.Error("the client's service token reaches a service")
	}
	got.Header.Del("X-Service-Token") // the gateway's own
	want := passed.Clone()
	want.Set("Client-Address", "127.0.0.1")
	want.Set("Content-Length", "7")
	if d := cmp.Diff(want, got.Header); d != "" {
		t.Errorf("headers behind (-want +got):\n%s", d)
	}
	if gotBody != `{"a":1}` || got.Host == "gateway" {
		t.Errorf("body %q, host %q", gotBody, got.Host)
	}
	if res.StatusCode != http.StatusTeapot || body != "half past" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	res.Header.Del("Date")
	res.Header.Del("Connection")
	if d := cmp.Diff(http.Header{
		"Retry-After": {"3"}, "Cache-Control": {"no-cache"}, "Www-Authenticate": {"Bearer"}, "Content-Type": {"application/problem+json"},
		"Content-Length": {"9"}, "X-Content-Type-Options": {"nosniff"},
	}, res.Header); d != "" {
		t.Errorf("headers of the answer (-want +got):\n%s", d)
	}
}

func TestLocationStaysRelative(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"/bookings/" + id: "/bookings/" + id, "http://SELF/bookings/1?x=y": "/bookings/1?x=y", "http://elsewhere/x": "", "//elsewhere/x": "", "x": "", "": "",
	} {
		b := &behind{answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", strings.Replace(location, "SELF", r.Host, 1))
			w.WriteHeader(201)
		}}
		addr, _ := newGateway(t, b)
		res, _ := send(t, addr, "POST", "/bookings", nil, "{}")
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%q becomes %q, want %q", location, got, want)
		}
	}
}

// A body is refused here as the service would refuse it, and does not reach it.
func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	chunked := http.Header{"Transfer-Encoding": {"chunked"}}
	for op, limit := range map[string]int{
		"POST /bookings": 16 << 10, "POST /bookings/" + id + "/cancellations": 16 << 10, "POST /events": 512 << 10, "PUT /events/" + id: 512 << 10,
		"POST /events/" + id + "/cancel": 8 << 10, "POST /payments/stripe/webhook": 256 << 10,
	} {
		method, path, _ := strings.Cut(op, " ")
		full := strings.Repeat("x", limit)
		res, body := send(t, addr, method, path, nil, full+"x")
		wantProblem(t, op, res, body, 413, problem.BodyTooLarge)
		res, body = send(t, addr, method, path, chunked, fmt.Sprintf("%x\r\n%sx\r\n0\r\n\r\n", limit+1, full))
		wantProblem(t, op+" chunked", res, body, 413, problem.BodyTooLarge)
		res, body = send(t, addr, method, path, chunked, "zz\r\nnonsense")
		wantProblem(t, op+" badly framed", res, body, 400, problem.MalformedBody)
		res, body = send(t, addr, method, path, http.Header{"Content-Type": {"text/plain"}}, "x")
		wantProblem(t, op+" as text", res, body, 415, problem.UnsupportedMedia)
		res, body = send(t, addr, method, path, http.Header{"Content-Encoding": {"gzip"}}, "x")
		wantProblem(t, op+" compressed", res, body, 415, problem.UnsupportedMedia)
		if got := res.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("%s compressed: Accept-Encoding %q, want identity", op, got)
		}
		if took := b.took(); len(took) != 0 {
			t.Errorf("reached: %v", took)
		}
		if res, _ := send(t, addr, method, path, http.Header{"Content-Type": {"Application/JSON ;charset=utf-8"}}, full); res.StatusCode != 200 {
			t.Errorf("%s at its limit: %d, want 200", op, res.StatusCode)
		}
		b.took()
	}
}

func TestPathsAreTheSameHoweverTheyAreEscaped(t *testing.T) {
	t.Parallel()
	b := &behind{}
	addr, _ := newGateway(t, b)
	for _, path := range []string{
		"/events/" + id, "/%65vents/" + id, "/events/" + strings.ToUpper(id), "/event%73/" + strings.ReplaceAll(id, "-", "%2D"),
		"/events/" + strings.ReplaceAll(strings.ToUpper(id), "A", "%41"),
	} {
		res, _ := send(t, addr, "GET", path, nil, "")
		if took := b.took(); res.StatusCode != 200 || !slices.Equal(took, []string{"event GET /events/" + id}) {
			t.Errorf("%s: %d, and %q arrived", path, res.StatusCode, took)
		}
	}
	res, body := send(t, addr, "GET", "/events/"+id+"%2Favailability", nil, "")
	wantProblem(t, "an escaped slash", res, body, 422, problem.ValidationFailed)
	if took := b.took(); len(took) != 0 {
		t.Errorf("reached: %v", took)
	}
}

func TestServiceThatIsDown(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + ln.Addr().String()
	_ = ln.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	addr, _ := start(t, gateway.Upstreams{Event: gone, Booking: broken.URL, Notification: gone})
	for _, op := range []string{"GET /events", "POST /bookings", "GET /bookings/" + id, "GET /notifications"} {
		method, path, _ := strings.Cut(op, " ")
		res, body := send(t, addr, method, path, nil, "")
		wantProblem(t, op, res, body, 503, problem.UpstreamUnavailable)
		if res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", op)
		}
	}
}

// A service that comes back on its old address is read from at once, although the
// connections of before are dead.
func TestServiceThatCameBack(t *testing.T) {
	t.Parallel()
	b := &behind{}
	first := httptest.NewServer(b.service("event"))
	addr, _ := start(t, gateway.Upstreams{Event: first.URL, Booking: first.URL, Notification: first.URL})
	send(t, addr, "GET", "/events", nil, "")
	at := first.Listener.Addr().String()
	first.Close()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	second := &httptest.Server{Listener: ln, Config: &http.Server{Handler: b.service("event"), ReadHeaderTimeout: time.Minute}}
	second.Start()
	defer second.Close()
	if res, body := send(t, addr, "GET", "/events", nil, ""); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// A client that goes away is nobody's failure, and stops the work behind.
func TestClientThatGoesAway(t *testing.T) {
	t.Parallel()
	arrived, stopped := make(chan struct{}), make(chan struct{})
	b := &behind{answer: func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(stopped)
	}}
	addr, log := newGateway(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		cancel()
	}()
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
		t.Errorf("answered %s", res.Status)
	}
	<-stopped
	if log.String() != "" {
		t.Errorf("logged: %s", log)
	}
}

func TestAnswerThatBreaksOffLooksBroken(t *testing.T) {
	t.Parallel()
	b := &behind{answer: func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items":[`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}}
	addr, _ := newGateway(t, b)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return // broken before the headers
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("half an answer looks whole: %s", body)
	}
}

func TestDocumentHasTheOperations(t *testing.T) {
	t.Parallel()
	addr, _ := newGateway(t, &behind{})
	res, body := send(t, addr, "GET", "/openapi.json", nil, "")
	type parameter struct {
		Name string `json:"name"`
	}
	isKey := func(p parameter) bool { return p.Name == "Idempotency-Key" }
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string      `json:"operationId"`
			Summary     string      `json:"summary"`
			Parameters  []parameter `json:"parameters"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != 200 {
		t.Fatal(res.StatusCode, err)
	}
	n := 0
	for path, ops := range doc.Paths {
		for method, op := range ops {
			n++
			if op.Summary == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
			// Cancelling all is idempotent by itself.
			if slices.ContainsFunc(op.Parameters, isKey) != (slices.Contains([]string{"createBooking", "cancelTickets", "payBooking", "extendBooking", "resendBooking"}, op.OperationID)) {
				t.Errorf("%s has %v", op.OperationID, op.Parameters)
			}
		}
	}
	if n != 42 {
		t.Errorf("%d operations", n)
	}
}
