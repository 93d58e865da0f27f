package rest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// toMail asks what a mail about the booking carries.
func (a *api) toMail(t testing.TB, id, query string) result {
	t.Helper()
	return a.do(t, "", http.MethodGet, "/bookings/"+id+"/delivery"+query, "", "X-Service-Token", "notification")
}

func TestWhatAMailCarries(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":3}`).body["id"].(string)
	second, third := booking.TicketID(id, 2), booking.TicketID(id, 3)
	a.do(t, alice, http.MethodPost, "/bookings/"+id+"/cancellations", returning(third), "Idempotency-Key", "k")
	a.do(t, alice, http.MethodPatch, "/bookings/"+id+"/tickets/"+second, `{"holder":{"name":"Grace","email":"grace@example.com"}}`)
	buyer, holder := a.linkTo(t, id)

	for query, want := range map[string]struct {
		key     string
		tickets string // number, status, issue, holder, whether there is a code and a QR code
		pages   string
	}{
		"?link_version=0":                   {buyer, "1 VALID 1 a@example.com true true, 2 VALID 2 grace@example.com true true, 3 CANCELLED 1 a@example.com false false", ""},
		"?pdf=true":                         {buyer, "1 VALID 1 a@example.com true true, 2 VALID 2 grace@example.com true true, 3 CANCELLED 1 a@example.com false false", "/Count 2"},
		"?ticket_id=" + second + "&issue=2": {holder, "2 VALID 2 grace@example.com true true", ""},
		"?ticket_id=" + strings.ToUpper(second) + "&issue=2&pdf=true&locale=de": {holder, "2 VALID 2 grace@example.com true true", "/Count 1"},
	} {
		r := a.toMail(t, id, query)
		if r.status != 200 || r.body["link_key"] != want.key || !strings.HasPrefix(r.body["reference"].(string), "BX-") {
			t.Errorf("%s: %d, link_key %v, reference %v", query, r.status, r.body["link_key"], r.body["reference"])
			continue
		}
		var tickets []string
		for _, item := range r.body["tickets"].([]any) {
			one := item.(map[string]any)
			code, _ := one["code"].(string)
			qr, _ := one["qr"].(string)
			png, err := base64.StdEncoding.DecodeString(qr)
			tickets = append(tickets, fmt.Sprint(one["number"], " ", one["status"], " ", one["issue"], " ", one["holder"].(map[string]any)["email"], " ",
				len(code) == 120, " ", err == nil && strings.HasPrefix(string(png), "\x89PNG")))
		}
		if got := strings.Join(tickets, ", "); got != want.tickets {
			t.Errorf("%s: tickets %s, want %s", query, got, want.tickets)
		}
		text, _ := r.body["pdf"].(string)
		pdf, err := base64.StdEncoding.DecodeString(text)
		if err != nil || (len(pdf) > 0) != (want.pages != "") || !strings.Contains(string(pdf), want.pages) {
			t.Errorf("%s: a PDF of %d bytes (%v), want %q", query, len(pdf), err, want.pages)
		}
	}

	for name, c := range map[string]struct {
		id, query string
		status    int
		code      problem.Code
	}{
		"another link version":  {id, "?link_version=1", 409, problem.TicketMailNotDue},
		"a replaced issue":      {id, "?ticket_id=" + second + "&issue=1", 409, problem.TicketMailNotDue},
		"given back":            {id, "?ticket_id=" + third + "&issue=1", 409, problem.TicketMailNotDue},
		"no ticket of it":       {id, "?ticket_id=" + uuid.NewString() + "&issue=1", 409, problem.TicketMailNotDue},
		"no booking":            {uuid.NewString(), "", 404, problem.BookingNotFound},
		"no issue":              {id, "?ticket_id=" + second + "&issue=0", 422, problem.ValidationFailed},
		"a negative version":    {id, "?link_version=-1", 422, problem.ValidationFailed},
		"a locale that is long": {id, "?locale=" + strings.Repeat("x", 36), 422, problem.ValidationFailed},
	} {
		if r := a.toMail(t, c.id, c.query); r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("%s: %.200s, want %d %s", name, r, c.status, c.code)
		}
	}
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"another service": {[]string{"X-Service-Token", "event"}, 403},
		"nobody":          {nil, 401},
		"a link":          {[]string{"Booking-Key", buyer}, 401},
	} {
		if r := a.do(t, "", http.MethodGet, "/bookings/"+id+"/delivery", "", c.header...); r.status != c.status {
			t.Errorf("%s: %.200s, want %d", name, r, c.status)
		}
	}
	if r := a.do(t, alice, http.MethodGet, "/bookings/"+id+"/delivery", ""); r.status != 401 {
		t.Errorf("the buyer: %.200s, want 401", r)
	}
}

// The largest answer fits into what a service reads of another.
func TestTheLargestDelivery(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":18}`).body["id"].(string)
	for n := range 18 { // the sandbox of these tests charges no more
		// Every ticket has letters of its own, of which the PDF has the glyphs.
		name := strings.Map(func(r rune) rune { return r + rune(n*40) }, strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn", 5))
		if n%2 == 1 {
			name = strings.Repeat("ŴΩЖ", 60)
		}
		if r := a.do(t, alice, http.MethodPatch, "/bookings/"+id+"/tickets/"+booking.TicketID(id, n+1), `{"holder":{"name":"`+name+`"}}`); r.status != 200 && r.status != 422 {
			t.Fatal(r)
		}
	}
	r := a.toMail(t, id, "?pdf=true")
	if most := 1 << 19; r.status != 200 || len(r.raw) > most {
		t.Errorf("%d, %d bytes, want %d at most", r.status, len(r.raw), most)
	}
	t.Logf("%d bytes", len(r.raw))
}

// slow draws a PDF when it is let.
type slow struct {
	booking.Documents
	let chan struct{}
}

func (s slow) TicketsPDF(d booking.TicketDocument) ([]byte, error) {
	<-s.let
	return s.Documents.TicketsPDF(d)
}

// However many want documents, other requests are answered, and so are mails.
func TestDrawingHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	a := newAPIWith(t, func(d booking.Documents) booking.Documents { return slow{d, let} })
	id := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	asked := runtime.NumCPU() + 1 // more than there are places
	answers := make(chan result, asked)
	var all sync.WaitGroup
	for range asked {
		all.Go(func() { answers <- a.do(t, alice, http.MethodGet, "/bookings/"+id+"/tickets.pdf", "") })
	}
	refused := <-answers
	if refused.status != 503 || refused.body["code"] != string(problem.Unavailable) || refused.header.Get("Retry-After") != "1" {
		t.Errorf("one too many: %s, Retry-After %q", refused, refused.header.Get("Retry-After"))
	}
	if r := a.do(t, alice, http.MethodGet, "/bookings/"+id+"/tickets", ""); r.status != 200 {
		t.Errorf("meanwhile: %s", r)
	}
	if r := a.toMail(t, id, ""); r.status != 200 {
		t.Errorf("a mail meanwhile: %s", r)
	}
	close(let)
	all.Wait()
	close(answers)
	drawn := 0
	for r := range answers {
		if r.status == 200 {
			drawn++
		}
	}
	if drawn == 0 {
		t.Error("nothing was drawn")
	}
}

// BenchmarkDelivery measures what a mail with tickets costs booking. The handler is called
// without a network.
func BenchmarkDelivery(b *testing.B) {
	for _, tickets := range []int{1, 2, 18} { // the sandbox of these tests charges no more
		for _, pdf := range []bool{false, true} {
			b.Run(fmt.Sprintf("tickets=%d/pdf=%v", tickets, pdf), func(b *testing.B) {
				a := newAPI(b)
				id := a.do(b, alice, http.MethodPost, "/bookings", fmt.Sprintf(`{"event_id":%q,"tickets":%d}`, event, tickets)).body["id"].(string)
				var bytes int
				for b.Loop() {
					r := a.toMail(b, id, fmt.Sprintf("?pdf=%v", pdf))
					if r.status != 200 {
						b.Fatal(r)
					}
					bytes = len(r.raw)
				}
				b.ReportMetric(float64(bytes), "bytes")
			})
		}
	}
}
