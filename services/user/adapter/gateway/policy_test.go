package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

var update = flag.Bool("update", false, "write the access policy anew")

// top is the repository's directory.
var top = filepath.Join("..", "..", "..", "..")

// TestAccessPolicy compares components/kubernetes/config.yaml with the calls that
// the gateway's operations and the pacts declare. With -update it writes the file.
// services/e2e/daprd/access asks Dapr's own code which calls the file admits.
func TestAccessPolicy(t *testing.T) {
	t.Parallel()
	want := clusterConfig(t, declared(t), documented())
	name := filepath.Join(top, "components", "kubernetes", "config.yaml")
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("components/kubernetes/config.yaml differs from the declared operations (+); `make specs` writes it:\n%s", diff)
	}
}

// TestServiceCallsAreInPacts compares the callers of each operation for services
// with the pacts. A cluster denies a call that is in no pact.
func TestServiceCallsAreInPacts(t *testing.T) {
	t.Parallel()
	calls := declared(t)
	for _, o := range documented() {
		// With sidecars, messages go by RabbitMQ.
		if !o.forServices || o.template() == "/messages/*" {
			continue
		}
		if len(o.callers) == 0 {
			t.Errorf("%s %s of %s names no callers", o.method, o.template(), o.provider)
		}
		for _, caller := range apps {
			called := slices.ContainsFunc(calls, func(c call) bool {
				return c.caller == caller && c.provider == o.provider && c.isAt(o.method, o.path)
			})
			if admitted := slices.Contains(o.callers, caller); called != admitted {
				t.Errorf("%s calls %s %s of %s in a pact: %t; the operation admits it: %t", caller, o.method, o.template(), o.provider, called, admitted)
			}
		}
	}
}

func TestAccessRules(t *testing.T) {
	t.Parallel()
	at := func(method, path string) endpoint {
		return endpoint{method: method, path: strings.Split(path, "/")[1:]}
	}
	for _, c := range []struct {
		name              string
		called, uncalled  []endpoint
		want              []string
		cannotBeExpressed bool
	}{
		{
			name:   "a leaf",
			called: []endpoint{at("POST", "/a"), at("GET", "/a"), at("GET", "/b/c")},
			want:   []string{"/a [GET, POST] allow", "/b/c [GET] allow"},
		},
		{
			name:   "a collection and its items are one rule",
			called: []endpoint{at("GET", "/a"), at("DELETE", "/a/*-*")},
			want:   []string{"/a/* [GET, DELETE] allow"},
		},
		{
			name:   "an item's parts come after the items",
			called: []endpoint{at("PUT", "/a/*-*/b"), at("GET", "/a/*-*"), at("GET", "/a/c/*-*")},
			want:   []string{"/a/c/* [GET] allow", "/a/* [GET] allow", "/a/*-*/b [PUT] allow"},
		},
		{
			name:   "a parameter that is no UUID",
			called: []endpoint{at("GET", "/a/*")},
			want:   []string{"/a/* [GET] allow"},
		},
		{
			name:     "a leaf admits nothing beneath",
			called:   []endpoint{at("GET", "/a")},
			uncalled: []endpoint{at("GET", "/a/b"), at("POST", "/a/b"), at("GET", "/a/b/c")},
			want:     []string{"/a/b [GET] deny", "/a/* [GET] allow"},
		},
		{
			name:     "other methods of a path are not admitted",
			called:   []endpoint{at("GET", "/a"), at("POST", "/a/b")},
			uncalled: []endpoint{at("GET", "/a/b"), at("DELETE", "/a")},
			want:     []string{"/a/b [POST] allow", "/a/* [GET] allow"},
		},
		{
			name:     "a word that others follow needs no exception",
			called:   []endpoint{at("GET", "/a"), at("GET", "/a/b/c")},
			uncalled: []endpoint{at("GET", "/a/b")},
			want:     []string{"/a/b/c [GET] allow", "/a/* [GET] allow"},
		},
		{
			name:              "a collection without its items",
			called:            []endpoint{at("GET", "/a")},
			uncalled:          []endpoint{at("GET", "/a/*-*")},
			cannotBeExpressed: true,
		},
		{
			name:              "items without their collection",
			called:            []endpoint{at("GET", "/a/*-*")},
			uncalled:          []endpoint{at("GET", "/a")},
			cannotBeExpressed: true,
		},
		{
			name:              "a parameter in the middle that is no UUID",
			called:            []endpoint{at("GET", "/a/*/b")},
			cannotBeExpressed: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rules, err := rulesFor(c.called, slices.Concat(c.uncalled, c.called))
			if (err != nil) != c.cannotBeExpressed {
				t.Fatalf("error %v, want one: %t", err, c.cannotBeExpressed)
			}
			var got []string
			for _, r := range rules {
				got = append(got, fmt.Sprintf("%s [%s] %s", r.name(), strings.Join(r.methods, ", "), r.action))
			}
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

// apps are the services by their Dapr app IDs, and providers those that have an API: web
// has pages alone.
var (
	apps      = []string{"user", "event", "booking", "notification", "web"}
	providers = apps[:4]
)

// endpoint is an operation of an app. Each parameter of its path is replaced by
// Dapr's wildcard: uuidPart for a UUID, anyPart for any other.
type endpoint struct {
	provider, method string
	path             []string
	forServices      bool     // for services alone
	callers          []string // the services that may call it, if forServices
}

// Dapr matches anyPart at the end of a path only. The dash makes uuidPart a pattern
// that Dapr also matches in the middle.
const (
	anyPart  = "*"
	uuidPart = "*-*"
)

func isParameter(part string) bool { return part == anyPart || part == uuidPart }

func samePart(a, b string) bool { return a == b || isParameter(a) && isParameter(b) }

func (e endpoint) isAt(method string, path []string) bool {
	return e.method == method && slices.EqualFunc(e.path, path, samePart)
}

func (e endpoint) template() string { return "/" + strings.Join(e.path, "/") }

// call is an operation that caller needs.
type call struct {
	caller string
	endpoint
}

// declared returns the gateway's operations, and the services' own requests from
// the pacts, which their real adapters made.
func declared(t *testing.T) (calls []call) {
	t.Helper()
	for _, o := range operations {
		d := read(o.service).Paths[o.path][strings.ToLower(o.method)]
		path := strings.Split(o.path, "/")[1:]
		for i, segment := range path {
			name, ok := parameter(segment)
			if !ok {
				continue
			}
			path[i] = anyPart
			if slices.ContainsFunc(d.Parameters, func(p parameterDoc) bool { return p.Name == name && p.isUUID() }) {
				path[i] = uuidPart
			}
		}
		calls = append(calls, call{"user", endpoint{provider: string(o.service), method: o.method, path: path}})
	}
	files, err := filepath.Glob(filepath.Join(top, "contracts", "pacts", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pacts, %v", len(files), err)
	}
	all := documented()
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var pact struct {
			Consumer, Provider struct{ Name string }
			Interactions       []struct {
				Request *struct{ Method, Path string } // nil for a message
			}
		}
		if err := json.Unmarshal(b, &pact); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Contains(apps, pact.Consumer.Name) {
			t.Errorf("%s: %q is no app", name, pact.Consumer.Name)
		}
		for _, i := range pact.Interactions {
			if i.Request == nil {
				continue
			}
			e, ok := find(all, pact.Provider.Name, i.Request.Method, i.Request.Path)
			if !ok {
				t.Errorf("%s: %s does not document %s %s", name, pact.Provider.Name, i.Request.Method, i.Request.Path)
				continue
			}
			// operations alone say what clients reach through the gateway.
			if pact.Consumer.Name != "user" || e.forServices {
				calls = append(calls, call{pact.Consumer.Name, e})
			}
		}
	}
	return calls
}

// documented returns the operations of all services, as they document them.
func documented() (all []endpoint) {
	for _, app := range providers {
		for path, methods := range read(service(app)).Paths {
			parts := strings.Split(path, "/")[1:]
			for i, part := range parts {
				if _, ok := parameter(part); ok {
					parts[i] = anyPart
				}
			}
			for method, d := range methods {
				forServices := slices.ContainsFunc(d.Security, func(schemes map[string][]string) bool {
					_, ok := schemes[httpkit.SchemeService]
					return ok
				})
				all = append(all, endpoint{app, strings.ToUpper(method), parts, forServices, d.Callers})
			}
		}
	}
	return all
}

// find returns the provider's operation that serves a request. A parameter is a
// uuidPart if its value in the request is a UUID.
func find(all []endpoint, provider, method, path string) (found endpoint, ok bool) {
	sent := strings.Split(path, "/")[1:]
	fewest := len(sent) + 1
	for _, e := range all {
		if e.provider != provider || e.method != method || len(e.path) != len(sent) {
			continue
		}
		parts, parameters := slices.Clone(sent), 0
		for i, part := range e.path {
			if part != anyPart {
				continue
			}
			parameters++
			parts[i] = anyPart
			if uuid.Validate(sent[i]) == nil {
				parts[i] = uuidPart
			}
		}
		if slices.EqualFunc(parts, e.path, samePart) && parameters < fewest {
			found, fewest, ok = e, parameters, true
			found.path = parts
		}
	}
	return found, ok
}

// rule is what Dapr calls an operation of a policy: an action for some methods of
// the paths that match a pattern.
type rule struct {
	path, methods []string
	action        string
}

func (r rule) name() string { return endpoint{path: r.path}.template() }

// rulesFor returns the rules that admit the operations called, and no other of
// all. It returns an error if Dapr cannot express them.
//
// Dapr (pkg/config/acl_trie.go) looks up a path part by part. For each part it takes
// the first pattern that matches, and never goes back:
//
//   - /a matches /a and every path below it.
//   - /a/* matches /a, and /a followed by one part. It does not match in the middle
//     of a longer pattern.
//   - /a/*-*/b matches any part with a dash in the middle.
//
// The default action, deny, holds for a path that no pattern matches, and for a
// method that the matching rule does not name.
func rulesFor(called, all []endpoint) ([]rule, error) {
	allowed := map[string]rule{}
	for _, e := range called {
		path := slices.Clone(e.path)
		last := len(path) - 1
		switch {
		case slices.Contains(path[:last], anyPart):
			return nil, fmt.Errorf("%s: Dapr matches no * in the middle of a path", e.template())
		case isParameter(path[last]):
			path[last] = anyPart
		case slices.ContainsFunc(all, e.isAbove):
			path = append(path, anyPart)
		}
		r := rule{path: path, action: "allow"}
		if known, ok := allowed[r.name()]; ok {
			r = known
		}
		r.methods = append(r.methods, e.method)
		allowed[r.name()] = r
	}
	denied, err := exceptions(allowed, called, all)
	if err != nil {
		return nil, err
	}
	rules := slices.Concat(slices.Collect(maps.Values(allowed)), slices.Collect(maps.Values(denied)))
	slices.SortFunc(rules, func(a, b rule) int { return slices.CompareFunc(a.path, b.path, comparePart) })
	for _, r := range rules {
		slices.SortFunc(r.methods, func(a, b string) int {
			return cmp.Compare(slices.Index(methods, a), slices.Index(methods, b))
		})
	}
	for i := range rules {
		rules[i].methods = slices.Compact(rules[i].methods)
	}
	return rules, nil
}

// methods is the order in which a rule lists its methods.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// isAbove reports whether other's path lies below the path of e.
func (e endpoint) isAbove(other endpoint) bool {
	return len(other.path) > len(e.path) && slices.EqualFunc(e.path, other.path[:len(e.path)], samePart)
}

// comparePart orders patterns as Dapr must try them: words, then anyPart, then
// uuidPart, which would hide anyPart.
func comparePart(a, b string) int {
	order := []string{anyPart, uuidPart} // a word has -1
	return cmp.Or(cmp.Compare(slices.Index(order, a), slices.Index(order, b)), strings.Compare(a, b))
}

// exceptions returns the rules that deny the operations of all that the wildcards
// in allowed would admit and that are not in called.
func exceptions(allowed map[string]rule, called, all []endpoint) (map[string]rule, error) {
	denied := map[string]rule{}
	for _, r := range allowed {
		parent, wide := slices.Clip(r.path[:len(r.path)-1]), r.path[len(r.path)-1] == anyPart
		if !wide {
			continue
		}
		for _, e := range all {
			isCalled := func(c endpoint) bool { return c.isAt(e.method, e.path) }
			if !slices.Contains(r.methods, e.method) || slices.ContainsFunc(called, isCalled) {
				continue
			}
			isParent, isChild := slices.EqualFunc(e.path, parent, samePart), endpoint{path: parent}.isAbove(e) && len(e.path) == len(r.path)
			last := e.path[len(e.path)-1]
			switch {
			case isParent, isChild && isParameter(last):
				return nil, fmt.Errorf("Dapr cannot admit %s %s without %s", e.method, r.name(), e.template())
			case isChild:
				exception := rule{path: append(parent, last), action: "deny"}
				if hasPattern(allowed, exception.path) {
					continue
				}
				exception.methods = append(denied[exception.name()].methods, e.method)
				denied[exception.name()] = exception
			}
		}
	}
	return denied, nil
}

// hasPattern reports whether a pattern of rules is path or begins with it. Dapr
// then does not look for another pattern of path.
func hasPattern(rules map[string]rule, path []string) bool {
	for _, r := range rules {
		if len(r.path) >= len(path) && slices.EqualFunc(path, r.path[:len(path)], samePart) {
			return true
		}
	}
	return false
}

// clusterConfig returns components/config.yaml without its comments, followed by
// the access policies for calls.
func clusterConfig(t *testing.T, calls []call, all []endpoint) []byte {
	t.Helper()
	common, err := os.ReadFile(filepath.Join(top, "components", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	out.WriteString(clusterHead)
	for line := range strings.Lines(string(common)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			out.WriteString(line)
		}
	}
	out.WriteString(accessControl)
	for _, app := range apps {
		fmt.Fprintf(&out, policyOf, app)
		var called []endpoint
		for _, c := range calls {
			if c.caller == app {
				called = append(called, c.endpoint)
			}
		}
		rules, err := rulesFor(called, all)
		if err != nil {
			t.Fatalf("what %s calls: %v", app, err)
		}
		for _, r := range rules {
			fmt.Fprintf(&out, "          - {name: %s, httpVerb: [%s], action: %s}\n", r.name(), strings.Join(r.methods, ", "), r.action)
		}
	}
	return out.Bytes()
}

const clusterHead = "# Written by `make specs` from components/config.yaml, the gateway's operations and\n" +
	`# contracts/pacts. Do not edit it. A test fails if it differs from them.
#
# In Kubernetes, mTLS tells a sidecar which app calls. So this configuration also
# says which operations each app may call. The called app's sidecar refuses all
# other calls. A policy names the caller and the operation, not the called app.
#
# The annotation dapr.io/config: boxoffice selects this configuration. The namespace
# and the trust domain are Dapr's defaults. Change them if yours differ.
#
# The order of the patterns matters: Dapr takes the first that matches. /a matches
# every path below /a, too; no app has an operation there. /a/* matches /a and one
# part after it, at the end of a path only. /*-* matches a UUID in the middle.
`

const accessControl = `  accessControl:
    defaultAction: deny
    trustDomain: public
    policies:
`

const policyOf = `      - appId: %s
        defaultAction: deny
        trustDomain: public
        namespace: default
        operations:
`
