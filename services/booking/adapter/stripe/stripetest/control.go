package stripetest

import (
	"encoding/json"
	"net/http"
	"time"
)

// control adds what a test tells the provider over HTTP:
//
//	GET  /_test/books              what has been moved, by booking
//	POST /_test/faults             a Fault
//	POST /_test/mend               the faults end
//	POST /_test/customer           {booking_id, succeed}: the customer acts; 409 where there is nothing to do
//	POST /_test/capture            {booking_id}: a charge succeeds that was said to be over
//	POST /_test/refuse-refunds     {times}
//	POST /_test/fail-refunds       {booking_id}
//	POST /_test/forget-keys
//	POST /_test/webhooks           Webhooks
//	POST /_test/release-events
//	GET  /_test/events             the events made, oldest first
func (s *Server) control() {
	type body struct {
		BookingID string `json:"booking_id"`
		Succeed   bool   `json:"succeed"`
		Times     int    `json:"times"`
	}
	post := func(name string, do func(b body) bool) {
		s.mux.HandleFunc("POST /_test/"+name, func(w http.ResponseWriter, r *http.Request) {
			var b body
			if r.ContentLength != 0 && json.NewDecoder(r.Body).Decode(&b) != nil {
				http.Error(w, "no JSON", http.StatusBadRequest)
				return
			}
			if !do(b) {
				http.Error(w, "there is nothing to do", http.StatusConflict)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
	done := func(do func(b body)) func(body) bool {
		return func(b body) bool {
			do(b)
			return true
		}
	}
	post("customer", func(b body) bool { return s.Act(b.BookingID, b.Succeed) })
	post("capture", func(b body) bool { return s.Capture(b.BookingID) })
	post("refuse-refunds", done(func(b body) { s.RefuseRefunds(b.Times) }))
	post("fail-refunds", done(func(b body) { s.FailRefunds(b.BookingID) }))
	post("forget-keys", done(func(body) { s.ForgetKeys() }))
	post("mend", done(func(body) { s.Mend() }))
	post("release-events", done(func(body) { s.ReleaseEvents() }))
	set(s, "faults", func(f struct {
		Fault
		DelayMS int64 `json:"delay_ms"`
	},
	) {
		if f.DelayMS != 0 {
			f.Delay = time.Duration(f.DelayMS) * time.Millisecond
		}
		s.Fail(f.Fault)
	})
	set(s, "webhooks", s.SetWebhooks)
	s.mux.HandleFunc("GET /_test/books", func(w http.ResponseWriter, _ *http.Request) { write(w, ok(s.Books())) })
	s.mux.HandleFunc("GET /_test/events", func(w http.ResponseWriter, _ *http.Request) {
		write(w, ok(s.Events()))
	})
}

// set adds an operation that takes one thing.
func set[T any](s *Server, name string, do func(T)) {
	s.mux.HandleFunc("POST /_test/"+name, func(w http.ResponseWriter, r *http.Request) {
		var v T
		if json.NewDecoder(r.Body).Decode(&v) != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		do(v)
		w.WriteHeader(http.StatusNoContent)
	})
}
