package eventapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// That the catalog keeps the port's promises is shown against the real event
// service, in services/standalone. This is about answers that the real one
// never gives.
func TestAnswersThatAreNoneLeaveTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		want              error
	}{
		"a refusal":             {409, "application/problem+json", `{"code":"sold_out"}`, booking.ErrSoldOut},
		"a closed attempt":      {409, "application/problem+json", `{"code":"reservation_released"}`, booking.ErrReservationReleased},
		"no such event":         {404, "application/problem+json", `{"code":"event_not_found"}`, booking.ErrEventNotFound},
		"a code nobody knows":   {409, "application/problem+json", `{"code":"new_in_v2"}`, booking.ErrOutcomeUnknown},
		"a wrong credential":    {401, "application/problem+json", `{"code":"invalid_token"}`, booking.ErrOutcomeUnknown},
		"no such route":         {404, "application/problem+json", `{"code":"route_not_found"}`, booking.ErrOutcomeUnknown},
		"a proxy's page":        {404, "text/html", `<h1>not found</h1>`, booking.ErrOutcomeUnknown},
		"an outage":             {503, "application/problem+json", `{"code":"service_unavailable"}`, booking.ErrOutcomeUnknown},
		"half an answer":        {200, "application/json", `{"booking_id":"b`, booking.ErrOutcomeUnknown},
		"another's answer":      {200, "application/json", `{"booking_id":"x","items":[{}]}`, booking.ErrOutcomeUnknown},
		"too few items":         {200, "application/json", `{"booking_id":"b1","items":[]}`, booking.ErrOutcomeUnknown},
		"a redirect":            {302, "text/html", "", booking.ErrOutcomeUnknown},
		"a problem of no shape": {409, "application/problem+json", `[]`, booking.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			client, err := httpkit.NewClient(s.URL, nil, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			_, err = eventapi.New(client).Reserve(t.Context(), booking.Reservation{
				BookingID: "b1", EventID: "e1", Attempt: 1, Items: []events.Item{{TicketTypeID: "t1", Quantity: 1}},
			})
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

func TestReturnsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"done":                {204, "", nil},
		"too many":            {409, `{"code":"tickets_not_booked"}`, booking.ErrReturnRefused},
		"other items":         {409, `{"code":"reservation_mismatch"}`, booking.ErrReturnRefused},
		"no such event":       {404, `{"code":"event_not_found"}`, booking.ErrEventNotFound},
		"a code nobody knows": {409, `{"code":"new_in_v2"}`, booking.ErrOutcomeUnknown},
		"no such route":       {404, `{"code":"route_not_found"}`, booking.ErrOutcomeUnknown},
		"an outage":           {503, `{"code":"service_unavailable"}`, booking.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			client, err := httpkit.NewClient(s.URL, nil, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			err = eventapi.New(client).Return(t.Context(), booking.Return{
				BookingID: "b1", EventID: "e1", Attempt: 1, CancellationID: "c1", Items: []events.Item{{TicketTypeID: "t1", Quantity: 1}},
			})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}
