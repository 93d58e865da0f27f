package access

import (
	"reflect"
	"strings"
	"testing"

	"github.com/dapr/dapr/pkg/acl"
	"github.com/dapr/dapr/pkg/config"
)

const components = "../../../../components/"

// Who may call what in a cluster, asked of Dapr's own code: no sidecar here knows
// who calls it.
func TestAccessControl(t *testing.T) {
	t.Parallel()
	c, err := config.LoadStandaloneConfiguration(components + "kubernetes/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := acl.ParseAccessControlSpec(c.Spec.AccessControlSpec, true)
	if err != nil {
		t.Fatal(err)
	}
	if list.DefaultAction != config.DenyAccess || len(list.PolicySpec) != 4 {
		t.Errorf("by default %s, policies %d", list.DefaultAction, len(list.PolicySpec))
	}
	allowed := func(app, verb, path string) bool {
		policy := list.PolicySpec[app+"||default"]
		if policy.DefaultAction != config.DenyAccess || policy.TrustDomain != list.TrustDomain {
			t.Fatalf("the policy of %s: %+v", app, policy)
		}
		found := policy.AppOperationActions.Search(strings.ToLower(path))
		return found != nil && found.VerbAction[verb] == config.AllowAccess
	}
	const id = "/01a2146a-86f5-7969-aa27-d9e3c469c152"
	calls := map[string][]string{
		"user": {
			"GET /events", "POST /events", "GET /events" + id, "PUT /events" + id, "DELETE /events" + id, "GET /events" + id + "/availability",
			"POST /events" + id + "/cancel", "GET /events" + id + "/cancellation",
			"GET /bookings", "POST /bookings", "GET /bookings" + id, "GET /bookings/user" + id, "PUT /bookings" + id + "/cancel",
			"GET /notifications",
		},
		"event": {"GET /.well-known/jwks.json", "GET /cancelled-events" + id, "GET /charge-limits/EUR", "POST /receipts"},
		"booking": {
			"GET /.well-known/jwks.json", "GET /events" + id + "/availability", "PUT /events" + id + "/book", "PUT /events" + id + "/release",
			"POST /events" + id + "/return", "GET /reservations", "POST /receipts",
		},
		"notification": {"GET /.well-known/jwks.json", "GET /users" + id + "/contact"},
	}
	every := map[string]bool{
		"POST /subscriptions/bookings": true, "GET /dead-letters": true, "POST /dead-letters" + id + "/replay": true, "GET /": true,
		"GET /payments/sandbox/ledger": true, "POST /admin/keys/rotate": true, "GET /healthz": true, "POST /messages/bookings": true,
		"PATCH /users/me": true, "POST /token": true,
	}
	for _, made := range calls {
		for _, call := range made {
			every[call] = true
		}
	}
	for app, made := range calls {
		is := map[string]bool{}
		for _, call := range made {
			is[call] = true
		}
		for call := range every {
			verb, path, _ := strings.Cut(call, " ")
			if got := allowed(app, verb, path); got != is[call] {
				t.Errorf("%s by %s is allowed: %t", call, app, got)
			}
		}
	}
}

// Everything else is as without a cluster.
func TestClusterIsConfiguredAlike(t *testing.T) {
	t.Parallel()
	here, err := config.LoadStandaloneConfiguration(components + "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	there, err := config.LoadStandaloneConfiguration(components + "kubernetes/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	there.Spec.AccessControlSpec = here.Spec.AccessControlSpec
	if !reflect.DeepEqual(here, there) {
		t.Errorf("here %+v\nthere %+v", here.Spec, there.Spec)
	}
}
