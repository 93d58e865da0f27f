package access

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/dapr/dapr/pkg/acl"
	"github.com/dapr/dapr/pkg/config"
	"github.com/dapr/dapr/pkg/messaging/method"
	commonv1pb "github.com/dapr/dapr/pkg/proto/common/v1"
)

const top = "../../../../"

// apps are the services by their app IDs, and providers those that have an API.
var (
	apps      = []string{"user", "event", "booking", "notification", "web"}
	providers = apps[:4]
)

// TestOperations tries the path of every documented operation with every method
// that Dapr knows, as each app. The apps that declare the call are admitted, all
// others are denied.
func TestOperations(t *testing.T) {
	t.Parallel()
	p, operations, declared := readPolicy(t), documented(t), declared(t)
	for o := range operations {
		for verb := range commonv1pb.HTTPExtension_Verb_value {
			asked := operation{verb, o.template}
			for _, app := range append(apps, "stranger") {
				admitted := p.admits(t, app, verb, asked.path())
				switch {
				case declared[app][asked] && !admitted:
					t.Errorf("%s cannot call %s %s", app, verb, o.template)
				case declared[app][asked] || !admitted:
				case operations[asked]:
					t.Errorf("%s can call %s %s without declaring it", app, verb, o.template)
				case !declared[app][asked.neighbor()] && !declared[app][asked.above()] && !declared[app][asked.beside()]:
					t.Errorf("%s can call %s %s, which no app serves", app, verb, o.template)
				}
			}
		}
	}
	for app, calls := range declared {
		for call := range calls {
			if !operations[call] {
				t.Errorf("%s declares %s %s, which no app documents", app, call.verb, call.template)
			}
		}
	}
}

// TestOtherPaths tries paths that no document has.
func TestOtherPaths(t *testing.T) {
	t.Parallel()
	p := readPolicy(t)
	for _, path := range []string{
		"", "/", "/healthz", "/readyz", "/openapi.json", "/docs", "/metrics", "/nothing", "/subscriptions/bookings", "/dapr/subscribe", "/dapr/config",
		"/admin", "/admin/nothing", "/admin/stuck-bookings/" + id + "/nothing", "/payments", "/payments/stripe", "/payments/nothing/webhook",
		"/events/" + id + "/nothing", "/events/" + id + "/availability/../nothing", "/bookings/" + id + "/nothing", "/bookings/user/" + id + "/nothing",
		"/users/" + id + "/nothing", "/.well-known", "/.well-known/nothing", "/v1.0/invoke/booking/method/bookings",
	} {
		for verb := range commonv1pb.HTTPExtension_Verb_value {
			for _, app := range append(apps, "stranger") {
				if p.admits(t, app, verb, path) {
					t.Errorf("%s can call %s %q", app, verb, path)
				}
			}
		}
	}
}

// TestDefaults checks the actions for apps without a policy and for calls that no
// policy names.
func TestDefaults(t *testing.T) {
	t.Parallel()
	p := readPolicy(t)
	if p.DefaultAction != config.DenyAccess {
		t.Errorf("the default action is %s", p.DefaultAction)
	}
	if len(p.PolicySpec) != len(apps) {
		t.Errorf("%d policies, want %d", len(p.PolicySpec), len(apps))
	}
	for _, app := range apps {
		of := p.PolicySpec[app+"||default"]
		if of.DefaultAction != config.DenyAccess {
			t.Errorf("the default action for %s is %s", app, of.DefaultAction)
		}
		if of.TrustDomain != p.TrustDomain {
			t.Errorf("the trust domain of %s is %s, want %s", app, of.TrustDomain, p.TrustDomain)
		}
	}
}

// TestClusterIsConfiguredAlike compares all other settings with those outside of a
// cluster.
func TestClusterIsConfiguredAlike(t *testing.T) {
	t.Parallel()
	here, err := config.LoadStandaloneConfiguration(top + "components/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	there, err := config.LoadStandaloneConfiguration(top + "components/kubernetes/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	there.Spec.AccessControlSpec = here.Spec.AccessControlSpec
	if !reflect.DeepEqual(here, there) {
		t.Errorf("here %+v\nthere %+v", here.Spec, there.Spec)
	}
}

// policy is the cluster's access control as Dapr's own code reads it.
type policy struct{ *config.AccessControlList }

func readPolicy(t *testing.T) policy {
	t.Helper()
	c, err := config.LoadStandaloneConfiguration(top + "components/kubernetes/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := acl.ParseAccessControlSpec(c.Spec.AccessControlSpec, true)
	if err != nil {
		t.Fatal(err)
	}
	return policy{list}
}

// admits reports whether app may make a request. It follows
// acl.ApplyAccessControlPolicies, which takes the caller from a TLS connection.
func (p policy) admits(t *testing.T, app, verb, path string) bool {
	t.Helper()
	path, err := method.NormalizeMethod(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	of, ok := p.PolicySpec[app+"||default"]
	if !ok {
		return p.DefaultAction == config.AllowAccess
	}
	action := of.DefaultAction
	if found := of.AppOperationActions.Search(strings.ToLower(path)); found != nil {
		if said, ok := found.VerbAction[verb]; ok {
			action = said
		} else if said, ok := found.VerbAction["*"]; ok {
			action = said
		}
	}
	return strings.EqualFold(action, config.AllowAccess)
}

// operation is a method and a path whose parameters are all {}.
type operation struct{ verb, template string }

const id = "01a2146a-86f5-7969-aa27-d9e3c469c152"

func (o operation) path() string { return strings.ReplaceAll(o.template, "{}", id) }

// neighbor returns the collection of an item, or the item of a collection. One
// pattern of Dapr's matches both, so a method of either is admitted at both.
func (o operation) neighbor() operation {
	if collection, ok := strings.CutSuffix(o.template, "/{}"); ok {
		return operation{o.verb, collection}
	}
	return operation{o.verb, o.template + "/{}"}
}

// above returns the operation at the path without its last segment, and beside the one with
// any item as its last segment. Their patterns match the operation, too.
func (o operation) above() operation {
	return operation{o.verb, o.template[:strings.LastIndex(o.template, "/")]}
}

func (o operation) beside() operation { return operation{o.verb, o.above().template + "/{}"} }

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// documentOf returns an app's operations according to contracts/openapi.
func documentOf(t *testing.T, app string) map[operation]bool {
	t.Helper()
	var document struct{ Paths map[string]map[string]any }
	readJSON(t, filepath.Join(top, "contracts", "openapi", app+".json"), &document)
	all := map[operation]bool{}
	for path, verbs := range document.Paths {
		for verb := range verbs {
			all[operation{strings.ToUpper(verb), parameter.ReplaceAllString(path, "{}")}] = true
		}
	}
	return all
}

func documented(t *testing.T) map[operation]bool {
	t.Helper()
	all := map[operation]bool{}
	for _, app := range providers {
		for o := range documentOf(t, app) {
			all[o] = true
		}
	}
	return all
}

// declared returns the operations that each app calls: those in its pacts, and for
// the gateway those of its document that another app documents, too.
func declared(t *testing.T) map[string]map[operation]bool {
	t.Helper()
	calls := map[string]map[operation]bool{"user": {}, "web": {}}
	gateway := documentOf(t, "user")
	for _, app := range providers[1:] {
		calls[app] = map[operation]bool{}
		for o := range documentOf(t, app) {
			if gateway[o] {
				calls["user"][o] = true
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(top, "contracts", "pacts", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pacts, %v", len(files), err)
	}
	for _, name := range files {
		var pact struct {
			Consumer     struct{ Name string }
			Interactions []struct {
				Request *struct{ Method, Path string } // nil for a message
			}
		}
		readJSON(t, name, &pact)
		for _, i := range pact.Interactions {
			if i.Request != nil {
				calls[pact.Consumer.Name][operation{i.Request.Method, argument.ReplaceAllString(i.Request.Path, "/{}")}] = true
			}
		}
	}
	return calls
}

// argument matches the parameters in the requests of the pacts: IDs, currencies and nonces.
var argument = regexp.MustCompile(`/([0-9a-f-]{36}|[A-Z]{3}|[A-Z2-7]{26}|[0-9]{3})\b`)

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
