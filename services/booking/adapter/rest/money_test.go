package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func cancelling(n int) string {
	return fmt.Sprintf(`{"items":[{"ticket_type_id":%q,"quantity":%d}]}`, seat, n)
}

func returning(ids ...string) string {
	return fmt.Sprintf(`{"tickets":["%s"]}`, strings.Join(ids, `","`))
}

func TestCancelTickets(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":3}`).body["id"].(string)
	path := "/bookings/" + id + "/cancellations"
	first := a.do(t, alice, http.MethodPost, path, cancelling(1), "Idempotency-Key", "k")
	if first.status != 201 || first.header.Get("Location") != "/bookings/"+id || first.body["tickets"] != 2.0 || first.body["status"] != "CONFIRMED" {
		t.Fatal(first)
	}
	made := first.body["cancellations"].([]any)[0].(map[string]any)
	refund := first.body["refunds"].([]any)[0].(map[string]any)
	if made["status"] != "DONE" || made["all"] != false || made["refund_id"] != refund["id"] || refund["status"] != "refunded" ||
		fmt.Sprint(refund["amount"]) != "map[amount_minor:2500 currency:EUR]" {
		t.Errorf("the cancellation is %v, its refund %v", made, refund)
	}
	if again := a.do(t, alice, http.MethodPost, path, cancelling(1), "Idempotency-Key", "k"); again.status != 201 || again.raw != first.raw {
		t.Errorf("the same again: %s", again)
	}
	for name, c := range map[string]struct {
		as, path, body, key string
		status              int
		code                problem.Code
	}{
		"the key of another request": {alice, path, cancelling(2), "k", 422, problem.IdempotencyKeyReused},
		"more than it has":           {alice, path, cancelling(3), "k2", 409, problem.TicketsNotBooked},
		"a stranger's":               {bob, path, cancelling(1), "k2", 403, problem.Forbidden},
		"no such booking":            {alice, "/bookings/" + uuid.NewString() + "/cancellations", cancelling(1), "k2", 404, problem.BookingNotFound},
		"no key":                     {alice, path, cancelling(1), "", 422, problem.ValidationFailed},
		"a key that is not ASCII":    {alice, path, cancelling(1), "ü", 422, problem.ValidationFailed},
		"no items":                   {alice, path, `{"items":[]}`, "k2", 422, problem.ValidationFailed},
		"none of them":               {alice, path, cancelling(0), "k2", 422, problem.ValidationFailed},
		"no body":                    {alice, path, `{}`, "k2", 422, problem.ValidationFailed},
		"both":                       {alice, path, strings.Replace(cancelling(1), "{", `{"tickets":["`+uuid.NewString()+`"],`, 1), "k2", 422, problem.ValidationFailed},
		"a ticket of another":        {alice, path, returning(uuid.NewString()), "k2", 409, problem.TicketsNotBooked},
		"a ticket given back":        {alice, path, returning(booking.TicketID(id, 2), booking.TicketID(id, 3)), "k2", 409, problem.TicketCancelled},
		"a ticket twice":             {alice, path, returning(booking.TicketID(id, 1), strings.ToUpper(booking.TicketID(id, 1))), "k2", 422, problem.ValidationFailed},
		"no ticket":                  {alice, path, returning(), "k2", 422, problem.ValidationFailed},
		"a ticket without an id":     {alice, path, returning("1"), "k2", 422, problem.ValidationFailed},
		"twice the same type":        {alice, path, strings.Replace(cancelling(1), "]", `,{"ticket_type_id":"`+strings.ToUpper(seat)+`","quantity":1}]`, 1), "k2", 422, problem.ValidationFailed},
	} {
		var header []string
		if c.key != "" {
			header = []string{"Idempotency-Key", c.key}
		}
		if r := a.do(t, c.as, http.MethodPost, c.path, c.body, header...); r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("%s: %s, want %d %s", name, r, c.status, c.code)
		}
	}
	rest := a.do(t, "admin", http.MethodPost, path, cancelling(2), "Idempotency-Key", "k")
	if rest.status != 201 || rest.body["status"] != "CANCELLED" {
		t.Errorf("an admin cancels the rest: %s", rest)
	}
	if r := a.do(t, alice, http.MethodPost, path, cancelling(1), "Idempotency-Key", "k3"); r.status != 409 || r.body["code"] != string(problem.NotCancellable) {
		t.Errorf("what is cancelled: %s", r)
	}
}

func TestTicketsAreListedAndCancelledByTheirIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":3}`).body["id"].(string)
	second := booking.TicketID(id, 2)
	r := a.do(t, alice, http.MethodPost, "/bookings/"+id+"/cancellations", returning(strings.ToUpper(second)), "Idempotency-Key", "k")
	if r.status != 201 || r.body["tickets"] != 2.0 {
		t.Fatal(r)
	}
	r = a.do(t, alice, http.MethodGet, "/bookings/"+id+"/tickets", "")
	var got []string
	for _, item := range r.body["items"].([]any) {
		ticket := item.(map[string]any)
		got = append(got, fmt.Sprintf("%v %v %v %v", ticket["id"], ticket["number"], ticket["status"], ticket["issue"]))
		if ticket["ticket_type_id"] != seat || ticket["name"] != "Seat" {
			t.Errorf("a ticket is %v", ticket)
		}
	}
	want := []string{booking.TicketID(id, 1) + " 1 VALID 1", second + " 2 CANCELLED 1", booking.TicketID(id, 3) + " 3 VALID 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("tickets (-want +got):\n%s", d)
	}
	for _, who := range []string{bob, "admin"} {
		if r, want := a.do(t, who, http.MethodGet, "/bookings/"+id+"/tickets", ""), map[string]int{bob: 403, "admin": 200}[who]; r.status != want {
			t.Errorf("for %s: %s, want %d", who, r, want)
		}
	}
	if r := a.do(t, alice, http.MethodGet, "/bookings/"+uuid.NewString()+"/tickets", ""); r.status != 404 {
		t.Errorf("of no booking: %s", r)
	}
}

// A code is the buyer's alone, says which ticket and issue it is, and verifies by the keys that admission has.
func TestTicketsHaveCodes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	keys := a.do(t, alice, http.MethodGet, "/events/"+event+"/tickets", "", "X-Service-Token", "admission")
	var public struct {
		Keys []ticketcode.PublicKey `json:"public_keys"`
	}
	if err := json.Unmarshal([]byte(keys.raw), &public); err != nil {
		t.Fatal(err)
	}
	door, err := ticketcode.NewVerifier(event, public.Keys)
	if err != nil {
		t.Fatal(err)
	}
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":3}`).body["id"].(string)
	a.do(t, alice, http.MethodPatch, "/bookings/"+id+"/tickets/"+booking.TicketID(id, 2), `{"holder":{"name":"Grace"}}`)
	a.do(t, alice, http.MethodPost, "/bookings/"+id+"/cancellations", returning(booking.TicketID(id, 3)), "Idempotency-Key", "k")
	codes := func(who, id string) (all []any) {
		for _, item := range a.do(t, who, http.MethodGet, "/bookings/"+id+"/tickets", "").body["items"].([]any) {
			all = append(all, item.(map[string]any)["code"])
		}
		return all
	}
	mine := codes(alice, id)
	for i, issue := range []uint8{1, 2} {
		tag, err := ticketcode.TagOf(booking.TicketID(id, i+1))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := mine[i].(string)
		if got, err := door.Verify(text); err != nil || got != (ticketcode.Code{Ticket: tag, TicketType: 1, Issue: issue}) {
			t.Errorf("ticket %d has the code %+v, %v", i+1, got, err)
		}
	}
	if mine[2] != nil {
		t.Errorf("what was given back has the code %v", mine[2])
	}
	held := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":1,"checkout":true}`).body["id"].(string)
	for _, none := range [][]any{codes("admin", id), codes(alice, held)} {
		for i, code := range none {
			if code != nil {
				t.Errorf("ticket %d has the code %v", i+1, code)
			}
		}
	}
}

func TestATicketIsPassedOn(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":2}`).body["id"].(string)
	second := booking.TicketID(id, 2)
	path := "/bookings/" + id + "/tickets/" + second
	r := a.do(t, alice, http.MethodPatch, path, `{"holder":{"name":"Grace Hopper","email":"grace@example.com"}}`)
	if want := `{"id":"` + second + `","number":2,"ticket_type_id":"` + seat + `","name":"Seat","status":"VALID","holder":{"name":"Grace Hopper","email":"grace@example.com"},"issue":2,"code":"`; r.status != 200 || !strings.HasPrefix(r.raw, want) {
		t.Errorf("passed on: %s, want %s", r, want)
	}
	if r := a.do(t, alice, http.MethodPatch, path, `{"holder":{"name":"Ada"}}`); r.body["issue"] != 3.0 || fmt.Sprint(r.body["holder"]) != "map[email: name:Ada]" {
		t.Errorf("the holder is replaced as a whole: %s", r)
	}
	for name, c := range map[string]struct {
		as, path, body string
		status         int
		code           problem.Code
	}{
		"a stranger's":     {bob, path, `{"holder":{"name":"Bob"}}`, 403, problem.Forbidden},
		"no such ticket":   {alice, "/bookings/" + id + "/tickets/" + uuid.NewString(), `{"holder":{"name":"Bob"}}`, 404, problem.TicketNotFound},
		"no such booking":  {alice, "/bookings/" + uuid.NewString() + "/tickets/" + second, `{"holder":{"name":"Bob"}}`, 404, problem.BookingNotFound},
		"no id":            {alice, "/bookings/" + id + "/tickets/2", `{"holder":{"name":"Bob"}}`, 422, problem.ValidationFailed},
		"no holder":        {alice, path, `{}`, 422, problem.ValidationFailed},
		"no name":          {alice, path, `{"holder":{"email":"bob@example.com"}}`, 422, problem.ValidationFailed},
		"an issue":         {alice, path, `{"holder":{"name":"Bob"},"issue":1}`, 422, problem.ValidationFailed},
		"an invisible one": {alice, path, `{"holder":{"name":"\u200b"}}`, 422, problem.ValidationFailed},
	} {
		if r := a.do(t, c.as, http.MethodPatch, c.path, c.body); r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("%s: %s, want %d %s", name, r, c.status, c.code)
		}
	}
	r = a.do(t, alice, http.MethodPatch, path, `{"holder":{"name":"\u200b"}}`)
	if errs := fmt.Sprint(r.body["errors"]); !strings.Contains(errs, "body.holder.name") {
		t.Errorf("the field is %s", errs)
	}
}

func TestTheAuditLogIsForAdmins(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	a.do(t, bob, http.MethodPost, "/bookings", book(""))
	a.do(t, alice, http.MethodPut, "/bookings/"+id+"/cancel", "")
	if r := a.do(t, alice, http.MethodGet, "/admin/audit", ""); r.status != 403 {
		t.Errorf("for a customer: %s", r)
	}
	var steps []string
	for cursor := ""; ; {
		r := a.do(t, "admin", http.MethodGet, "/admin/audit?limit=3&booking_id="+strings.ToUpper(id)+"&cursor="+cursor, "")
		for _, item := range r.body["items"].([]any) {
			e := item.(map[string]any)
			if e["booking_id"] != id || e["event_id"] != event || e["by"] != alice {
				t.Errorf("entry %v", e)
			}
			steps = append(steps, e["step"].(string))
		}
		next, more := r.body["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if got := strings.Join(steps, " "); got != "cancelled released refunded cancelling confirmed paid reserved created" {
		t.Errorf("steps: %s", got)
	}
	if r := a.do(t, "admin", http.MethodGet, "/admin/audit?event_id="+event+"&limit=100", ""); len(r.body["items"].([]any)) != 12 {
		t.Errorf("of the event: %s", r)
	}
	for query, code := range map[string]problem.Code{
		"booking_id=" + id + "&event_id=" + event: problem.ValidationFailed, "cursor=e30": problem.InvalidCursor, "booking_id=x": problem.ValidationFailed,
	} {
		if r := a.do(t, "admin", http.MethodGet, "/admin/audit?"+query, ""); r.status != 422 || r.body["code"] != string(code) {
			t.Errorf("?%s: %s", query, r)
		}
	}
}

func TestReconciliationsAreForAdmins(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if r := a.do(t, alice, method, "/admin/reconciliations", ""); r.status != 403 {
			t.Errorf("%s for a customer: %s", method, r)
		}
	}
	if r := a.do(t, "admin", http.MethodGet, "/admin/reconciliations", ""); r.raw != `{"items":[],"next_cursor":null}`+"\n" {
		t.Errorf("before the first: %s", r)
	}
	made := a.do(t, "admin", http.MethodPost, "/admin/reconciliations?days=1", "")
	if made.status != 201 || made.body["by"] != "admin" {
		t.Fatal(made)
	}
	second := a.do(t, "admin", http.MethodPost, "/admin/reconciliations", "")
	page := a.do(t, "admin", http.MethodGet, "/admin/reconciliations?limit=1", "")
	if items := page.body["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != second.body["id"] {
		t.Errorf("the newest: %s", page)
	}
	page = a.do(t, "admin", http.MethodGet, fmt.Sprint("/admin/reconciliations?limit=1&cursor=", page.body["next_cursor"]), "")
	if items := page.body["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != made.body["id"] || page.body["next_cursor"] != nil {
		t.Errorf("the one before: %s", page)
	}
	accept := fmt.Sprintf("/admin/reconciliations/%s/accept", made.body["id"])
	if r := a.do(t, alice, http.MethodPost, accept, ""); r.status != 403 {
		t.Errorf("a customer accepts: %s", r)
	}
	if made.body["accepted_by"] != nil || made.body["accepted_at"] != nil {
		t.Errorf("before anybody accepts it: %s", made)
	}
	for range 2 {
		if r := a.do(t, "admin", http.MethodPost, accept, ""); r.status != 200 || r.body["accepted_by"] != "admin" || r.body["accepted_at"] == nil {
			t.Errorf("an admin accepts: %s", r)
		}
	}
	if r := a.do(t, "admin", http.MethodPost, "/admin/reconciliations/01890a5d-ac96-774b-bcce-b302099a8057/accept", ""); r.status != 404 || r.body["code"] != string(problem.ReportNotFound) {
		t.Errorf("one that is not there: %s", r)
	}
	for _, query := range []string{"days=0", "days=x", "days=10000000"} {
		if r := a.do(t, "admin", http.MethodPost, "/admin/reconciliations?"+query, ""); r.status != 422 {
			t.Errorf("?%s: %s", query, r)
		}
	}
	a.holdings = fmt.Errorf("no answer")
	if r := a.do(t, "admin", http.MethodPost, "/admin/reconciliations", ""); r.status != 503 || r.body["code"] != string(problem.UpstreamUnavailable) {
		t.Errorf("without the event service: %s", r)
	}
}

// However much was found, an admin can read it: a sidecar passes on 1 MiB.
func TestAReconciliationOfManyFindings(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const found = 3_000
	if err := a.records.SaveReport(t.Context(), booking.Report{ID: uuid.NewString(), Findings: slices.Repeat([]booking.Finding{{
		Kind: booking.FoundHoldLeaked, BookingID: uuid.NewString(), Detail: "2 tickets of event 01890a5d-ac96-774b-bcce-b302099a8057, attempt 1: there is no such booking",
	}}, found)}); err != nil {
		t.Fatal(err)
	}
	r := a.do(t, "admin", http.MethodGet, "/admin/reconciliations?limit=1", "")
	// The list has a limit of two seconds, and a busy machine may need more.
	for deadline := time.Now().Add(5 * time.Minute); r.status == http.StatusServiceUnavailable && time.Now().Before(deadline); {
		r = a.do(t, "admin", http.MethodGet, "/admin/reconciliations?limit=1", "")
	}
	if r.status != http.StatusOK || len(r.raw) > 300<<10 {
		t.Fatalf("the answer is %d with %d bytes", r.status, len(r.raw))
	}
	report := r.body["items"].([]any)[0].(map[string]any)
	if n := len(report["findings"].([]any)); n != 1000 || report["left_out"] != float64(found-n) {
		t.Errorf("%d findings, and %v left out", n, report["left_out"])
	}
	want := any([]any{map[string]any{"kind": "hold_leaked", "found": float64(found), "open": float64(found)}})
	if diff := cmp.Diff(want, report["counts"]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestPaymentsConfigIsForEverybody(t *testing.T) {
	t.Parallel()
	if r := newAPI(t).do(t, "", http.MethodGet, "/payments/config", ""); r.raw != `{"provider":"sandbox"}`+"\n" {
		t.Error(r)
	}
}
