package smshttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smshttp"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

// gateway is an SMS provider that notes the keys it is given.
func gateway(t *testing.T) (url string, taken func() []string) {
	t.Helper()
	var mu sync.Mutex
	var keys []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ To, Text string }
		err := json.NewDecoder(r.Body).Decode(&body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/messages" || body.To == "" || body.Text == "" ||
			r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/v1/", func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), keys...)
	}
}

func newSMS(t *testing.T, token string) *smshttp.Gateway {
	t.Helper()
	url, _ := gateway(t)
	g, err := smshttp.New(url, token)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSMSContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestSMS(t, func(t *testing.T) (notification.SMSProvider, func() []string) {
		url, taken := gateway(t)
		g, err := smshttp.New(url, "secret")
		if err != nil {
			t.Fatal(err)
		}
		return g, taken
	})
}

// keyless sends each text under a key of its own.
type keyless struct{ notification.SMSProvider }

func (k keyless) Send(ctx context.Context, t notification.Text) error {
	t.ID = uuid.NewString()
	return k.SMSProvider.Send(ctx, t)
}

func TestSMSSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	suitetest.MustFail(t, "forgets_the_key", func(t *testing.T) {
		notificationtest.TestSMS(t, func(t *testing.T) (notification.SMSProvider, func() []string) {
			url, taken := gateway(t)
			g, err := smshttp.New(url, "secret")
			if err != nil {
				t.Fatal(err)
			}
			return keyless{g}, taken
		})
	}, "a_text_is_taken_under_its_key")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]struct{ taken, permanent bool }{
		200: {taken: true}, 202: {taken: true}, 409: {taken: true}, 400: {permanent: true}, 422: {permanent: true},
		301: {}, 401: {}, 404: {}, 429: {}, 500: {}, 503: {},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
			_, _ = w.Write([]byte("nothing for +4930123456"))
		}))
		g, err := smshttp.New(srv.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		err = g.Send(t.Context(), notification.Text{ID: uuid.NewString(), To: "+4930123456", Body: "b"})
		srv.Close()
		var failure *notification.SendError
		switch {
		case want.taken && err != nil:
			t.Errorf("%d: %v, want nil", code, err)
		case !want.taken && (!errors.As(err, &failure) || failure.Permanent != want.permanent || strings.Contains(err.Error(), "4930")):
			t.Errorf("%d: %#v, want a SendError, permanent %v", code, err, want.permanent)
		}
	}
}

func TestAWrongTokenIsNotShown(t *testing.T) {
	t.Parallel()
	err := newSMS(t, "hunter2").Send(t.Context(), notification.Text{ID: uuid.NewString(), To: "+4930123456", Body: "b"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v, want one without the token", err)
	}
	for _, bad := range []string{"", "ftp://x", "sms.example.com"} {
		if _, err := smshttp.New(bad, ""); err == nil {
			t.Errorf("%q is taken as a base URL", bad)
		}
	}
}
