//go:build integration

package dapr_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/daprtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
)

// The files in components/ as they are, with the apps of dapr.yaml: what the
// sidecars make of them.
func TestComponentsAsTheyAre(t *testing.T) {
	t.Parallel()
	rabbit := rabbittest.New(t)
	names := t.TempDir() + "/names.db"
	files := daprtest.Copy(t, components, func(doc map[string]any) []map[string]any {
		if doc["kind"] == "Configuration" { // no packet leaves the machine
			doc["spec"].(map[string]any)["nameResolution"] = nameResolution(names)
		}
		return []map[string]any{doc}
	})
	sidecars := map[string]*daprtest.Process{}
	for _, id := range []string{"user", "event", "booking", "notification"} {
		app := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(app.Close)
		sidecars[id] = daprtest.Start(t, daprtest.Sidecar{
			AppID: id, AppPort: app.Listener.Addr().(*net.TCPAddr).Port, Resources: files,
			Env: []string{
				"RABBITMQ_URL=" + rabbit.URL(), "DAPR_API_TOKEN=" + daprToken, "APP_API_TOKEN=" + appToken,
				"STRIPE_SECRET_KEY=sk_private", "STRIPE_OTHER=private",
			},
		})
	}
	for id, p := range sidecars {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}

	want := map[rabbittest.Binding]bool{
		{Exchange: "bookings", Queue: "event-bookings"}:                                                      true,
		{Exchange: "bookings", Queue: "notification-bookings"}:                                               true,
		{Exchange: "events", Queue: "booking-events"}:                                                        true,
		{Exchange: "users", Queue: "notification-users"}:                                                     true,
		{Exchange: "notification-users-dead-letters", Queue: "notification-notification-users-dead-letters"}: true,
		{Exchange: "event-dead-letters", Queue: "event-event-dead-letters"}:                                  true,
		{Exchange: "booking-dead-letters", Queue: "booking-booking-dead-letters"}:                            true,
		{Exchange: "notification-dead-letters", Queue: "notification-notification-dead-letters"}:             true,
	}
	diff := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if diff = cmp.Diff(want, rabbit.Bindings(t)); diff == "" {
			break
		}
	}
	if diff != "" {
		t.Errorf("who hears what (-want +got):\n%s", diff)
	}

	for id, p := range sidecars {
		publisher, err := dapr.NewPublisher(p.URL, daprToken, bookingKey, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{"bookings", "events", "users", "elsewhere"} {
			err := publisher.Publish(t.Context(), topic, message(topic))
			if may := id == "booking" && topic == "bookings" || id == "event" && topic == "events" || id == "user" && topic == "users"; may != (err == nil) {
				t.Errorf("%s may publish to %s: %t, and did: %v", id, topic, may, err)
			}
		}
		for path, status := range map[string]string{
			"/v1.0/metadata":                    "200",
			"/v1.0/state/any/key":               "404", // not an API that is allowed
			"/v1.0/invoke/nobody/method/readyz": "500", // allowed, and nobody is there
		} {
			if got, answer := get(t, p.URL+path); !strings.HasPrefix(got, status) {
				t.Errorf("%s of %s: %s, want %s: %s", path, id, got, status, answer)
			}
		}
		for path, whose := range map[string]string{
			"secrets/URL": "", "secrets/bulk": "", "payment-secrets/OTHER": "",
			"payment-secrets/SECRET_KEY": "booking", "payment-secrets/bulk": "booking",
		} {
			_, answer := get(t, p.URL+"/v1.0/secrets/"+path)
			if shown := strings.Contains(answer, "sk_private"); shown != (id == whose) || strings.Contains(strings.ReplaceAll(answer, "sk_private", ""), "private") ||
				strings.Contains(answer, rabbit.URL()) {
				t.Errorf("%s is told of %s: %s", id, path, answer)
			}
		}
	}
}

func get(t *testing.T, url string) (status, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("dapr-api-token", daprToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status, string(b[:min(len(b), 300)])
}
