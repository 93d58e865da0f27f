package eventapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// An answer that is taken for a page although it is none would end the paging
// early, or never.
func TestPagesThatAreNoneLeaveTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	const good = `{"event_id":"e1","booking_id":"b2","attempt":2,"state":"HELD","tickets":1}`
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		want              error
	}{
		"a page":             {200, "application/json", `{"items":[` + good + `]}`, nil},
		"no more":            {200, "application/json", `{"items":[]}`, nil},
		"a new field":        {200, "application/json", `{"items":[{"event_id":"e1","booking_id":"b2","attempt":1,"tickets":1,"x":1}],"y":2}`, nil},
		"no items":           {200, "application/json", `{}`, booking.ErrOutcomeUnknown},
		"null items":         {200, "application/json", `{"items":null}`, booking.ErrOutcomeUnknown},
		"half an answer":     {200, "application/json", `{"items":[`, booking.ErrOutcomeUnknown},
		"a list":             {200, "application/json", `[` + good + `]`, booking.ErrOutcomeUnknown},
		"nothing":            {204, "", ``, booking.ErrOutcomeUnknown},
		"the page before":    {200, "application/json", `{"items":[{"event_id":"e1","booking_id":"b0","attempt":1,"tickets":1}]}`, booking.ErrOutcomeUnknown},
		"the booking before": {200, "application/json", `{"items":[{"event_id":"e1","booking_id":"b1","attempt":9,"tickets":1}]}`, booking.ErrOutcomeUnknown},
		"one twice":          {200, "application/json", `{"items":[` + good + `,` + good + `]}`, booking.ErrOutcomeUnknown},
		"another order":      {200, "application/json", `{"items":[` + good + `,{"event_id":"e1","booking_id":"b2","attempt":1,"tickets":1}]}`, booking.ErrOutcomeUnknown},
		"no booking":         {200, "application/json", `{"items":[{"event_id":"e1","attempt":1,"tickets":1}]}`, booking.ErrOutcomeUnknown},
		"no event":           {200, "application/json", `{"items":[{"booking_id":"b2","attempt":1,"tickets":1}]}`, booking.ErrOutcomeUnknown},
		"no attempt":         {200, "application/json", `{"items":[{"event_id":"e1","booking_id":"b2","tickets":1}]}`, booking.ErrOutcomeUnknown},
		"no tickets":         {200, "application/json", `{"items":[{"event_id":"e1","booking_id":"b2","attempt":1}]}`, booking.ErrOutcomeUnknown},
		"a refusal":          {422, "application/problem+json", `{"code":"validation_failed"}`, booking.ErrOutcomeUnknown},
		"another call's":     {404, "application/problem+json", `{"code":"event_not_found"}`, booking.ErrOutcomeUnknown},
		"no such route":      {404, "application/problem+json", `{"code":"route_not_found"}`, booking.ErrOutcomeUnknown},
		"a wrong credential": {401, "application/problem+json", `{"code":"invalid_token"}`, booking.ErrOutcomeUnknown},
		"a proxy's page":     {404, "text/html", `<h1>not found</h1>`, booking.ErrOutcomeUnknown},
		"an outage":          {503, "application/problem+json", `{"code":"service_unavailable"}`, booking.ErrOutcomeUnknown},
		"a redirect":         {302, "text/html", "", booking.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RequestURI() != "/reservations?after=b1&limit=7" {
					t.Errorf("asked for %s", r.URL)
				}
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			client, err := httpkit.NewClient(s.URL, nil, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			page, err := eventapi.New(client).Holdings(t.Context(), "b1", 7)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (page == nil) != (err != nil) {
				t.Errorf("error %v, want %v; the page is %#v", err, c.want, page)
			}
		})
	}
}
