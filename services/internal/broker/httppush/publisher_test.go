package httppush_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func TestWhatIsPosted(t *testing.T) {
	t.Parallel()
	m := message("m1")
	want := string(seal.Seal("a/b", []byte(envelope(t, m)), services["booking"]))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		if err := r.Write(body); err != nil {
			t.Error(err)
		}
		_, got, _ := strings.Cut(body.String(), "\r\n\r\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		if r.Method != http.MethodPost || r.URL.EscapedPath() != "/base/messages/a%2Fb" ||
			r.Header.Get("Content-Type") != cloudevent.ContentType || r.Header.Get("X-Service-Token") != token(t, "booking", "event") {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(s.Close)
	p := newPublisher(t, map[string]map[string]*httpkit.Client{
		"a/b": {"event": client(t, s.URL+"/base", time.Minute)},
	})
	if err := p.Publish(t.Context(), "a/b", m); err != nil {
		t.Error(err)
	}
}

// One consumer cannot have the message; the other has it, and the error says
// which of them it was, and nothing that is secret.
func TestAConsumerThatIsAwayKeepsNothingFromAnother(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	handler := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		// Close would wait for what hangs until the test's own cleanup.
		t.Cleanup(func() { s.CloseClientConnections(); go s.Close() })
		return s.URL
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	refusing := serve(t, &taken{err: errors.New("full")}, quiet, "bookings")
	elsewhere := serve(t, &taken{}, quiet, "events")
	for name, c := range map[string]struct {
		url     string
		timeout time.Duration
		is      error
		caller  *auth.ServiceKey // nil is booking
	}{
		"down":          {closed.URL, time.Minute, httpkit.ErrUnavailable, nil},
		"full":          {refusing.URL, time.Minute, httpkit.ErrUnavailable, nil},
		"other topics":  {elsewhere.URL, time.Minute, nil, nil},
		"wrong token":   {refusing.URL, time.Minute, nil, authtest.NewKey(t, "booking")},
		"not a caller":  {refusing.URL, time.Minute, nil, services["user"]},
		"hanging":       {handler(func(http.ResponseWriter, *http.Request) { <-hang }), 200 * time.Millisecond, context.DeadlineExceeded, nil},
		"never at end":  {handler(drip(hang)), 200 * time.Millisecond, context.DeadlineExceeded, nil},
		"breaking off":  {handler(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), time.Minute, httpkit.ErrUnavailable, nil},
		"somebody else": {handler(http.NotFound), time.Minute, httpkit.ErrUnavailable, nil},
		"redirecting": {handler(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, closed.URL, http.StatusTemporaryRedirect)
		}), time.Minute, httpkit.ErrUnavailable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := &taken{}
			well := serve(t, k, quiet, "bookings")
			caller := services["booking"]
			if c.caller != nil {
				caller = c.caller
			}
			for _, names := range [][2]string{{"event", "notification"}, {"notification", "event"}} {
				p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": {
					names[0]: clientOf(t, caller, c.url, c.timeout),
					names[1]: client(t, well.URL, time.Minute),
				}})
				err := p.Publish(t.Context(), "bookings", message("for "+names[1]))
				if !errors.Is(err, broker.ErrPartly) || !strings.Contains(err.Error(), `"`+names[0]+`"`) || strings.Contains(err.Error(), `"`+names[1]+`"`) {
					t.Errorf("error %v, want one about %s alone", err, names[0])
				}
				if shown, _ := caller.TokenFor("event")(); err != nil && strings.Contains(err.Error(), shown) {
					t.Errorf("the error tells the token: %v", err)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("error %v, want %v", err, c.is)
				}
			}
			if diff := cmp.Diff([]string{"for notification", "for event"}, k.ids()); diff != "" {
				t.Errorf("the other has (-want +got):\n%s", diff)
			}
		})
	}
}

// drained reads the body, before whose end a server does not see that the
// client is gone.
func drained(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// drip begins an answer that it never ends.
func drip(hang chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-hang
	}
}

func TestTheErrorNamesAllThatDidNotTakeIt(t *testing.T) {
	t.Parallel()
	refusing := serve(t, &taken{err: errors.New("full")}, quiet, "bookings")
	p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": {
		"event":        client(t, refusing.URL, time.Minute),
		"notification": clientOf(t, authtest.NewKey(t, "booking"), refusing.URL, time.Minute),
	}})
	err := p.Publish(t.Context(), "bookings", message("m1"))
	if err == nil || errors.Is(err, broker.ErrPartly) || !strings.Contains(err.Error(), `"event"`) || !strings.Contains(err.Error(), `"notification"`) {
		t.Errorf("error %v, want one about both", err)
	}
}

// The consumers are posted to at one time: each waits for the other.
func TestConsumersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	both := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		drained(r)
		if arrived.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
			w.WriteHeader(http.StatusAccepted)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	c := client(t, s.URL, 10*time.Second)
	p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": {"event": c, "notification": c}})
	if err := p.Publish(t.Context(), "bookings", message("m1")); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfTheContextEndsAPublish(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		drained(r)
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": {"event": client(t, s.URL, time.Hour)}})
	if err := p.Publish(ctx, "bookings", message("m1")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
}

func TestTheCallBelongsToTheMessagesTrace(t *testing.T) {
	t.Parallel()
	k := &taken{}
	s := serve(t, k, quiet, "bookings")
	p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": {"event": client(t, s.URL, time.Minute)}})
	own := httpkit.WithTrace(t.Context())
	without, odd := message("without"), message("odd")
	without.TraceParent, odd.TraceParent = "", "of another kind"
	if err := errors.Join(
		p.Publish(own, "bookings", message("with")),
		p.Publish(t.Context(), "bookings", message("with")),
		p.Publish(own, "bookings", without),
		p.Publish(own, "bookings", odd),
	); err != nil {
		t.Fatal(err)
	}
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	ours := strings.Split(httpkit.TraceParent(own), "-")[1]
	if diff := cmp.Diff([]string{theirs, theirs, ours, ours}, k.traces); diff != "" {
		t.Errorf("traces of the calls (-want +got):\n%s", diff)
	}
	var carried []string
	for _, m := range k.messages {
		carried = append(carried, m.TraceParent)
	}
	with := message("with").TraceParent
	if diff := cmp.Diff([]string{with, with, "", "of another kind"}, carried); diff != "" {
		t.Errorf("traces of the messages (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBePublishedIsPostedToNobody(t *testing.T) {
	t.Parallel()
	k := &taken{}
	s := serve(t, k, quiet, "bookings")
	p := newPublisher(t, map[string]map[string]*httpkit.Client{
		"bookings": {"event": client(t, s.URL, time.Minute)}, "unheard": {},
	})
	nameless, broken := message(""), message("m1")
	broken.Data = []byte("{")
	if err := p.Publish(t.Context(), "bookings", nameless); err == nil {
		t.Error("without an id: no error")
	}
	if err := p.Publish(t.Context(), "bookings", broken); err == nil {
		t.Error("data that is no JSON: no error")
	}
	if err := p.Publish(t.Context(), "elsewhere", message("m1")); err == nil {
		t.Error("a topic that nobody knows: no error")
	}
	if err := p.Publish(t.Context(), "unheard", message("m1")); err != nil {
		t.Errorf("a topic without consumers: %v", err)
	}
	if ids := k.ids(); len(ids) > 0 {
		t.Errorf("posted: %v", ids)
	}
}

func TestNewPublisherWantsAClientForEachConsumer(t *testing.T) {
	t.Parallel()
	_, err := httppush.NewPublisher(services["booking"], map[string]map[string]*httpkit.Client{"bookings": {"event": nil}})
	if err == nil || !strings.Contains(err.Error(), `"event"`) {
		t.Errorf("error %v, want one about event", err)
	}
}
