//go:build pact

package pact_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// A break is told with the consumer, the provider and the field.

func TestARenamedFieldIsNamed(t *testing.T) {
	pacttest.MustFail(t, "the title is called name", func(t *testing.T) {
		p := provider(t)
		for name, set := range p.States {
			p.States[name] = func(t testing.TB) (http.Handler, error) {
				h, err := set(t)
				return renamed(h, "title", "name"), err
			}
		}
		p.Verify(t, pacttest.Dir(t))
	}, "Verifying a pact between user and event Given there is an event - a request for an event",
		"missing the following keys: title",
		"event does not keep its pact with user")
}

func TestAFieldThatNobodySendsIsNamed(t *testing.T) {
	pacttest.MustFail(t, "a picture is expected", func(t *testing.T) {
		dir := t.TempDir()
		t.Setenv("PACTS_DIR", dir)
		pacttest.New(t, "user", "event").Exchange(t, "there is an event", "a request for an event with its picture",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID},
			pacttest.Answer{Status: 200, Body: pacttest.Body{"picture_url": pacttest.Like("https://pictures.example/1")}},
			func(t *testing.T, base string) {
				res, err := http.Get(base + "/events/" + eventID)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
			})
		p := provider(t)
		p.Consumers = []string{"user"}
		p.Verify(t, dir)
	}, "Verifying a pact between user and event Given there is an event - a request for an event with its picture",
		"missing the following keys: picture_url",
		"event does not keep its pact with user")
}

func TestAFolderWithoutItsPactsFails(t *testing.T) {
	pacttest.MustFail(t, "the folder is empty", func(t *testing.T) {
		provider(t).Verify(t, t.TempDir())
	}, "has no pacts")
	pacttest.MustFail(t, "the folder is another provider's", func(t *testing.T) {
		dir := t.TempDir()
		text, err := os.ReadFile(filepath.Join(pacttest.Dir(t), "user-booking.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "user-booking.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		provider(t).Verify(t, dir)
	}, "there is no pact between user and event", "there is no pact between booking and event")
	pacttest.MustFail(t, "a state is not known", func(t *testing.T) {
		p := provider(t)
		delete(p.States, "an event is sold out")
		p.Verify(t, pacttest.Dir(t))
	}, `booking expects "tickets that are gone": event has no handler for the state "an event is sold out"`)
}

// renamed is h with a field of its answers under another name.
func renamed(h http.Handler, field, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte(`"`+field+`":`), []byte(`"`+name+`":`)))
	})
}
