package components

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// apps are those of dapr.yaml. Each hears or publishes, but web, which asks the gateway
// alone.
var (
	apps     = []string{"booking", "event", "notification", "user", "web"}
	speakers = []string{"booking", "event", "notification", "user"}
)

// topics are who publishes, and who hears.
var topics = map[string]struct{ by, heard []string }{
	"bookings": {[]string{"booking"}, []string{"event", "notification"}},
	"events":   {[]string{"event"}, []string{"booking"}},
	"users":    {[]string{"user"}, []string{"notification"}},
}

// rights are what each app may do by a component, which each topic has, and the
// dead letters. A dead letter goes out by the component of its topic.
type rights struct{ publish, hear map[string][]string }

func brokers() map[string]rights {
	all := map[string]rights{}
	for topic, t := range topics {
		r := rights{map[string][]string{}, map[string][]string{}}
		for _, app := range t.by {
			r.publish[app], r.hear[app] = []string{topic}, nil
		}
		for _, app := range t.heard {
			component, letters := deadLetters(app, topic)
			r.publish[app], r.hear[app] = []string{letters}, []string{topic}
			dead, ok := all[component]
			if !ok {
				dead = rights{map[string][]string{}, map[string][]string{}}
				all[component] = dead
			}
			dead.publish[app], dead.hear[app] = nil, []string{letters}
		}
		all[topic] = r
	}
	return all
}

// paymentSecrets are for the booking service to read.
const paymentSecrets = "payment-secrets"

// file is one of components/, document by document.
type file struct {
	name string
	docs []doc
}

type doc map[string]any

// readComponents reads each file of the directory, all of which are YAML.
func readComponents(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		docs, err := parse(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		files = append(files, file{entry.Name(), docs})
	}
	return files, nil
}

func parse(b []byte) (docs []doc, err error) {
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var one map[string]any // of the decoder's own type, which nested ones have too
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, one)
	}
}

// at is the value of a path like "spec.policies.retries", nil if there is none.
func (d doc) at(path string) any {
	var v any = map[string]any(d)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (d doc) text(path string) string {
	s, _ := d.at(path).(string)
	return s
}

func (d doc) names(path string) (names []string) {
	list, _ := d.at(path).([]any)
	for _, v := range list {
		names = append(names, fmt.Sprint(v))
	}
	return names
}

// metadata is that of a component, by name.
func (d doc) metadata() map[string]doc {
	all := map[string]doc{}
	list, _ := d.at("spec.metadata").([]any)
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all[doc(m).text("name")] = m
		}
	}
	return all
}

// faults are what a set of files lacks, or has too much of.
type faults []string

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func same(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// check says what is wrong with the files of components/.
func check(files []file) (f faults) {
	kinds := map[string]int{}
	for _, file := range files {
		for _, d := range file.docs {
			kind := d.text("kind")
			kinds[kind+" "+d.text("spec.type")]++
			if version := map[bool]string{false: "dapr.io/v1alpha1", true: "dapr.io/v2alpha1"}[kind == "Subscription"]; d.text("apiVersion") != version {
				f.add("%s: a %s is of %q, want %s", file.name, kind, d.text("apiVersion"), version)
			}
			if d.text("metadata.name") == "" {
				f.add("%s: a %s has no name", file.name, kind)
			}
			// In a file with others Dapr ignores it.
			if kind != "Subscription" && len(file.docs) != 1 {
				f.add("%s: a %s stands beside others", file.name, kind)
			}
			switch kind {
			case "Component":
				f.component(d)
			case "Subscription", "Resiliency", "Configuration":
			default:
				f.add("%s: nobody knows what a %q must have", file.name, kind)
			}
			if kind == "Resiliency" {
				f.resiliency(d)
			}
			if kind == "Configuration" {
				f.configuration(d)
			}
		}
	}
	for kind, n := range map[string]int{
		"Component pubsub.rabbitmq": len(brokers()), "Component secretstores.local.env": 2, "Resiliency ": 1, "Configuration ": 1,
	} {
		if kinds[kind] != n {
			f.add("there are %d of %q, want %d", kinds[kind], kind, n)
		}
	}
	f.subscriptions(files)
	return f
}

func (f *faults) component(d doc) {
	name := d.text("metadata.name")
	users := speakers
	if r, ok := brokers()[name]; ok {
		users = slices.Collect(maps.Keys(r.hear))
	}
	if name == paymentSecrets {
		users = []string{"booking"}
	}
	if !same(d.names("scopes"), users) {
		f.add("component %s: scopes %v, want %v", name, d.names("scopes"), users)
	}
	if d.at("spec.ignoreErrors") != false {
		f.add("component %s: a sidecar starts without it", name)
	}
	if bound, err := time.ParseDuration(d.text("spec.initTimeout")); err != nil || bound <= 0 || bound > time.Minute {
		f.add("component %s: its start has no bound", name)
	}
	// Whatever else is a component one day has a secret by its store alone.
	for field, m := range d.metadata() {
		if lower := strings.ToLower(field); m.at("secretKeyRef") == nil &&
			(strings.Contains(lower, "connectionstring") || strings.Contains(lower, "password") || strings.Contains(lower, "username")) {
			f.add("component %s: %s is not by reference", name, field)
		}
	}
	switch d.text("spec.type") {
	case "pubsub.rabbitmq":
		f.pubsub(d)
	case "secretstores.local.env":
		if d.metadata()["prefix"].text("value") == "" {
			f.add("component %s: it shows the whole environment", name)
		}
	default:
		f.add("component %s: nobody knows what a %s must have", name, d.text("spec.type"))
	}
}

// pubsubFields are those whose value is one alone.
var pubsubFields = map[string]string{
	"durable": "true", "deletedWhenUnused": "false", "deliveryMode": "2", "publisherConfirm": "true",
	"requeueInFailure": "true", "autoAck": "false", "enableDeadLetter": "false",
	"concurrencyMode": "parallel", "exchangeKind": "fanout",
}

func (f *faults) pubsub(d doc) {
	all := d.metadata()
	for field, want := range pubsubFields {
		if got := all[field].text("value"); got != want {
			f.add("pubsub: %s is %q, want %q", field, got, want)
		}
	}
	if _, ok := all["concurrency"]; ok {
		f.add("pubsub: concurrency is not read")
	}
	if n, err := strconv.Atoi(all["prefetchCount"].text("value")); err != nil || n < 1 || n > 255 {
		f.add("pubsub: prefetchCount is not within 1 and 255")
	}
	if n, err := strconv.Atoi(all["reconnectWaitSeconds"].text("value")); err != nil || n < 1 || n > 10 {
		f.add("pubsub: reconnectWaitSeconds is not within 1 and 10")
	}
	if v, err := time.ParseDuration(all["heartBeat"].text("value")); err != nil || v <= 0 || v > 30*time.Second {
		f.add("pubsub: heartBeat is not within 0 and 30 s")
	}
	if d.text("auth.secretStore") == "" {
		f.add("pubsub: no secret store")
	}
	r, ok := brokers()[d.text("metadata.name")]
	if !ok {
		f.add("pubsub: nobody knows what %s is for", d.text("metadata.name"))
	}
	var every []string
	for _, list := range []map[string][]string{r.publish, r.hear} {
		for _, names := range list {
			every = append(every, names...)
		}
	}
	slices.Sort(every)
	every = slices.Compact(every)
	for _, field := range []string{"allowedTopics", "protectedTopics"} {
		if got := strings.Split(all[field].text("value"), ","); !same(got, every) {
			f.add("pubsub: %s are %v, want %v", field, got, every)
		}
	}
	for field, want := range map[string]map[string][]string{"publishingScopes": r.publish, "subscriptionScopes": r.hear} {
		got := map[string][]string{}
		for scope := range strings.SplitSeq(all[field].text("value"), ";") {
			app, list, _ := strings.Cut(scope, "=")
			got[app] = append(got[app], strings.FieldsFunc(list, func(c rune) bool { return c == ',' })...)
		}
		for app := range want {
			if list, named := got[app]; !named || !same(list, want[app]) {
				f.add("pubsub: %s of %s are %v, want %v", field, app, got[app], want[app])
			}
		}
		if len(got) != len(want) {
			f.add("pubsub: %s of %d apps", field, len(got))
		}
	}
}

// deadLetters returns the topic of an app's dead letters from a topic, and its
// component. No app has two topics by one component.
func deadLetters(app, topic string) (component, letters string) {
	if topic == "users" {
		return "users-dead-letters", app + "-users-dead-letters"
	}
	return "dead-letters", app + "-dead-letters"
}

func (f *faults) subscriptions(files []file) {
	heard := map[string]doc{} // by topic and app
	for _, file := range files {
		for _, d := range file.docs {
			if d.text("kind") != "Subscription" {
				continue
			}
			name, scopes := d.text("metadata.name"), d.names("scopes")
			if len(scopes) != 1 {
				f.add("subscription %s: scopes %v, want one app", name, scopes)
				continue
			}
			broker := d.text("spec.topic")
			if _, letters := deadLetters("", "users"); strings.HasSuffix(broker, letters) {
				broker = "users-dead-letters"
			} else if _, letters := deadLetters("", ""); strings.HasSuffix(broker, letters) {
				broker = "dead-letters"
			}
			if d.text("spec.pubsubname") != broker {
				f.add("subscription %s: of %s, want %s", name, d.text("spec.pubsubname"), broker)
			}
			if d.text("spec.metadata.queueType") != "quorum" {
				f.add("subscription %s: not a quorum queue", name)
			}
			if d.text("spec.metadata.rawPayload") != "true" {
				f.add("subscription %s: the sidecar reads the message", name)
			}
			if d.at("spec.routes.rules") != nil || d.at("spec.bulkSubscribe") != nil {
				f.add("subscription %s: rules or bulk", name)
			}
			key := d.text("spec.topic") + " " + scopes[0]
			if heard[key] != nil {
				f.add("subscription %s: %s twice", name, key)
			}
			heard[key] = d
		}
	}
	n := 0
	for topic, t := range topics {
		for _, app := range t.heard {
			n += 2
			_, letters := deadLetters(app, topic)
			d, dead := heard[topic+" "+app], heard[letters+" "+app]
			route := "/subscriptions/" + topic
			if d.text("spec.routes.default") != route || d.text("spec.deadLetterTopic") != letters {
				f.add("%s does not hear %s by %s, with dead letters", app, topic, route)
			}
			if dead.text("spec.routes.default") != route || dead.at("spec.deadLetterTopic") != nil {
				f.add("%s does not hear its dead letters by %s", app, route)
			}
		}
	}
	if len(heard) != n {
		f.add("%d subscriptions, want %d", len(heard), n)
	}
}

func (f *faults) resiliency(d doc) {
	if !same(d.names("scopes"), apps) {
		f.add("resiliency: scopes %v", d.names("scopes"))
	}
	retries, _ := d.at("spec.policies.retries").(map[string]any)
	for name, v := range retries {
		policy, _ := v.(map[string]any)
		if n, ok := policy["maxRetries"].(int); !ok || n < 0 || n > 20 {
			f.add("resiliency: %s has no bound", name)
		}
		switch policy["policy"] {
		case "constant":
		case "exponential":
			if pause, err := time.ParseDuration(doc(policy).text("maxInterval")); err != nil || pause <= 0 || pause > time.Minute {
				f.add("resiliency: the pauses of %s have no bound", name)
			}
		default:
			f.add("resiliency: %s says not how it pauses", name)
		}
	}
	for _, app := range apps {
		// Without a policy of its own a call is tried four times by a built-in one.
		policy, _ := retries[d.text("spec.targets.apps."+app+".retry")].(map[string]any)
		if n, ok := policy["maxRetries"].(int); !ok || n != 0 {
			f.add("resiliency: the sidecar retries calls of %s", app)
		}
		if at, _ := d.at("spec.targets.apps." + app).(map[string]any); len(at) != 1 {
			f.add("resiliency: %s has %v", app, at)
		}
	}
	for name := range brokers() {
		inbound := d.text("spec.targets.components." + name + ".inbound.retry")
		if policy, ok := retries[inbound].(map[string]any); !ok || policy["policy"] != "exponential" || policy["maxRetries"] == 0 {
			f.add("resiliency: deliveries by %s are not tried again", name)
		}
		if d.at("spec.targets.components."+name+".outbound") != nil {
			f.add("resiliency: publishing by %s", name)
		}
	}
	for _, path := range []string{"spec.policies.timeouts", "spec.policies.circuitBreakers"} {
		if d.at(path) != nil {
			f.add("resiliency: %s", path)
		}
	}
}

func (f *faults) configuration(d doc) {
	for path, want := range map[string]any{
		"spec.metrics.http.increasedCardinality": false, "spec.metrics.enabled": true, "spec.accessControl": nil,
		"spec.tracing.samplingRate": "1", "spec.logging.apiLogging.obfuscateURLs": true,
	} {
		if got := d.at(path); got != want {
			f.add("configuration: %s is %v, want %v", path, got, want)
		}
	}
	var allowed []string
	rules, _ := d.at("spec.api.allowed").([]any)
	protocols := map[string]bool{}
	for _, v := range rules {
		rule, _ := v.(map[string]any)
		protocols[doc(rule).text("protocol")] = true
		allowed = append(allowed, doc(rule).text("protocol")+" "+doc(rule).text("name"))
	}
	if !same(allowed, []string{"http invoke", "http publish", "http secrets", "http metadata", "grpc metadata"}) {
		f.add("configuration: allowed are %v", allowed)
	}
	if !protocols["http"] || !protocols["grpc"] {
		f.add("configuration: a protocol without a rule is open")
	}
	denied := map[string]bool{}
	scopes, _ := d.at("spec.secrets.scopes").([]any)
	for _, v := range scopes {
		scope, _ := v.(map[string]any)
		var open []string
		if doc(scope).text("storeName") == paymentSecrets {
			open = []string{"SECRET_KEY", "WEBHOOK_SECRET"}
		}
		if scope["defaultAccess"] == "deny" && same(doc(scope).names("allowedSecrets"), open) {
			denied[doc(scope).text("storeName")] = true
		}
	}
	for _, store := range []string{"secrets", "kubernetes", paymentSecrets} {
		if !denied[store] {
			f.add("configuration: the secrets of %s are open", store)
		}
	}
	hotReload := any(nil)
	features, _ := d.at("spec.features").([]any)
	for _, v := range features {
		if feature, _ := v.(map[string]any); feature["name"] == "HotReload" {
			hotReload = feature["enabled"]
		}
	}
	if hotReload != false {
		f.add("configuration: components change while a sidecar runs")
	}
}

// checkRun says what is wrong with dapr.yaml.
func checkRun(d doc) (f faults) {
	common := map[string]any{
		"placementHostAddress": " ", "schedulerHostAddress": " ", "enableAppHealthCheck": true, "appHealthCheckPath": "/readyz",
		"configFilePath": "./components/config.yaml", "apiListenAddresses": "127.0.0.1", "appProtocol": "http",
		"appLogDestination": "fileAndConsole", "daprdLogDestination": "file", "env.PUBLISHED_LOCALLY": "true",
	}
	for field, want := range common {
		if got := d.at("common." + field); got != want {
			f.add("dapr.yaml: %s is %v, want %v", field, got, want)
		}
	}
	if !same(d.names("common.resourcesPaths"), []string{"./components"}) {
		f.add("dapr.yaml: resources %v", d.names("common.resourcesPaths"))
	}
	ports := map[string]int{"user": 8080, "event": 8081, "booking": 8082, "notification": 8083, "web": 8084}
	taken := map[any]string{}
	var ids []string
	list, _ := d.at("apps").([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		app := doc(m)
		id := app.text("appID")
		ids = append(ids, id)
		if app.at("appPort") != ports[id] {
			f.add("dapr.yaml: %s is on %v", id, app.at("appPort"))
		}
		if !same(app.names("command"), []string{".tools/bin/" + id}) || app.text("appDirPath") != "." {
			f.add("dapr.yaml: %s is %v in %s", id, app.names("command"), app.text("appDirPath"))
		}
		for _, field := range []string{"appPort", "daprHTTPPort", "daprGRPCPort", "daprInternalGRPCPort", "metricsPort"} {
			port := app.at(field)
			if n, ok := port.(int); !ok || n <= 0 {
				f.add("dapr.yaml: %s has no fixed %s", id, field)
			} else if taken[port] != "" {
				f.add("dapr.yaml: %s and %s share port %d", id, taken[port], n)
			}
			taken[port] = id
		}
	}
	if !same(ids, apps) {
		f.add("dapr.yaml: the apps are %v", ids)
	}
	text, err := yaml.Marshal(d)
	if err != nil || strings.Contains(string(text), "${") {
		f.add("dapr.yaml: variables are not expanded there")
	}
	return f
}
