package stripetest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// operation is one of the API's, by the name that faults know it by.
type operation struct {
	name string
	do   func(r *http.Request) answer
}

// kept is what is remembered under an idempotency key.
type kept struct {
	request string
	answer  *answer // nil while the first request is worked on
}

// Fault is how an operation goes wrong the next Times it is called; below 0
// always.
type Fault struct {
	// Operation is create, retrieve, update, list, confirm, cancel, method, refund,
	// refunds or get_refund; "" is any.
	Operation string `json:"operation"`
	// Kind is before (the connection is cut, nothing done), after (cut when it is
	// done), status (Status, and nothing done), failed (done, and then Status), or
	// slow (done after Delay).
	Kind   string        `json:"kind"`
	Status int           `json:"status"`
	Delay  time.Duration `json:"delay"`
	Times  int           `json:"times"`
}

// fault takes the next fault of an operation, if there is one.
func (s *Server) fault(name string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != name {
			continue
		}
		taken := *f
		if f.Times--; f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return taken
	}
	return Fault{}
}

func (s *Server) serve(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); key == "" || s.o.Key != "" && key != s.o.Key {
			write(w, refuse(401, "invalid_request_error", "", "", "Invalid API Key provided: "+key))
			return
		}
		if err := r.ParseForm(); err != nil {
			write(w, refuse(400, "invalid_request_error", "", "", err.Error()))
			return
		}
		f := s.fault(op.name)
		switch f.Kind {
		case "before":
			panic(http.ErrAbortHandler)
		case "status":
			write(w, failure(f.Status))
			return
		case "slow":
			if !s.wait(f.Delay) {
				panic(http.ErrAbortHandler)
			}
		case "failed":
			do := op.do
			op.do = func(r *http.Request) answer {
				do(r)
				return failure(f.Status)
			}
		}
		a, replayed := s.once(op, r)
		s.mu.Lock()
		done := s.done
		s.mu.Unlock()
		if done != nil {
			done(op.name)
		}
		switch {
		case a.hang:
			select {
			case <-r.Context().Done():
			case <-s.closing:
			}
			panic(http.ErrAbortHandler)
		case f.Kind == "after":
			panic(http.ErrAbortHandler)
		}
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		write(w, a)
	}
}

func failure(status int) answer {
	kind := "api_error"
	if status == http.StatusTooManyRequests {
		kind = "rate_limit_error"
	}
	return refuse(status, kind, "", "", "This was to be.")
}

// once does a request that has an idempotency key once.
func (s *Server) once(op operation, r *http.Request) (a answer, replayed bool) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || r.Method != http.MethodPost {
		return op.do(r), false
	}
	request := r.URL.Path + "?" + r.PostForm.Encode()
	s.mu.Lock()
	k, there := s.keys[key]
	if !there {
		k = &kept{request: request}
		s.keys[key] = k
	}
	switch {
	case !there:
	case k.request != request:
		a = refuse(400, "idempotency_error", "", "", "Keys for idempotent requests can only be used with the same parameters they were first used with.")
	case k.answer == nil:
		a = refuse(409, "invalid_request_error", "idempotency_key_in_use", "", "There is currently another in-progress request using this key.")
	default:
		a, replayed = *k.answer, true
	}
	s.mu.Unlock()
	if there {
		return a, replayed
	}
	a = op.do(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.unsaid && !s.o.KeepInvalid {
		delete(s.keys, key)
	} else {
		k.answer = &a
	}
	return a, false
}

// ForgetKeys forgets the idempotency keys, as Stripe does after a day.
func (s *Server) ForgetKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

// Fail adds a fault.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// Mend ends the faults that were added.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// newID returns an id as Stripe has them.
func newID(kind string) string { return fmt.Sprintf("%s_%s", kind, rand.Text()) }
