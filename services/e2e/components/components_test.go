package components

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const top = "../../.."

func TestComponents(t *testing.T) {
	t.Parallel()
	files, err := readComponents(top + "/components")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range check(files) {
		t.Error(fault)
	}
}

func TestRunFile(t *testing.T) {
	t.Parallel()
	for _, fault := range checkRun(readRun(t)) {
		t.Error(fault)
	}
}

func readRun(t *testing.T) doc {
	t.Helper()
	b, err := os.ReadFile(top + "/dapr.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := parse(b)
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs[0]
}

// line is one that holds something: not empty, and no comment.
var line = regexp.MustCompile(`(?m)^[ \t]*[^# \t\n].*\n`)

// harmless are lines that may be missing: nothing is lost, or opened, without
// them.
var harmless = regexp.MustCompile(`^(---|\s*(stdout: false|recordErrorCodes: true|excludeVerbs: true|enabled: false|omitHealthChecks: true` +
	`|version: v1|version: 1|duration: 1s|maxBodySize: 9Mi|appHealthProbe\w+: \d+|appHealthThreshold: \d+|readBufferSize: \w+))\s*$`)

// Whatever line is taken away, somebody notices: each setting in there is one
// that a rule asks for. So is each document.
func TestEachLineIsNeeded(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(top + "/components/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range append(files, top+"/dapr.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text, tried := string(b), 0
			for _, at := range line.FindAllStringIndex(text, -1) {
				removed := text[at[0]:at[1]]
				if harmless.MatchString(removed) {
					continue
				}
				tried++
				if faults := mutated(t, name, text[:at[0]]+text[at[1]:]); len(faults) == 0 {
					t.Errorf("line %d can be missing: %s", 1+strings.Count(text[:at[0]], "\n"), strings.TrimSpace(removed))
				}
			}
			if tried < 5 {
				t.Errorf("only %d lines tried", tried)
			}
		})
	}
}

// mutated are the faults of the real files, but for one that has another text.
func mutated(t *testing.T, name, text string) faults {
	t.Helper()
	docs, err := parse([]byte(text))
	if err != nil {
		return faults{err.Error()}
	}
	if filepath.Base(name) == "dapr.yaml" {
		if len(docs) == 0 {
			return faults{"nothing"}
		}
		return checkRun(docs[0])
	}
	files, err := readComponents(top + "/components")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if files[i].name == filepath.Base(name) {
			files[i].docs = docs
		}
	}
	return check(files)
}

// Each rule is seen to fail for its own reason.
func TestEachRuleCanFail(t *testing.T) {
	t.Parallel()
	for _, m := range []struct{ file, old, new, fault string }{
		{"pubsub-bookings.yaml", "scopes: [booking, event, notification]", "scopes: [booking, event, notification, user]", "component bookings: scopes"},
		{"pubsub-bookings.yaml", "scopes: [booking, event, notification]", "", "component bookings: scopes"},
		{"pubsub-bookings.yaml", "  name: bookings\n", "  name: events\n", "scopes"},
		{"pubsub-events.yaml", "scopes: [booking, event]", "scopes: [booking, event, notification]", "component events: scopes"},
		{"pubsub-dead-letters.yaml", "event=event-dead-letters", "event=booking-dead-letters", "subscriptionScopes of event"},
		{"secrets.yaml", "scopes: [user, event, booking, notification]", "", "component secrets: scopes"},
		{"pubsub-bookings.yaml", "ignoreErrors: false", "ignoreErrors: true", "starts without it"},
		{"pubsub-bookings.yaml", "initTimeout: 30s", "initTimeout: 30h", "no bound"},
		{"pubsub-bookings.yaml", "name: durable\n      value: \"true\"", "name: durable\n      value: \"false\"", "durable"},
		{"pubsub-bookings.yaml", "name: deletedWhenUnused\n      value: \"false\"", "name: deletedWhenUnused\n      value: \"true\"", "deletedWhenUnused"},
		{"pubsub-bookings.yaml", "value: \"2\"", "value: \"1\"", "deliveryMode"},
		{"pubsub-bookings.yaml", "name: publisherConfirm", "name: publisherConfirms", "publisherConfirm"},
		{"pubsub-bookings.yaml", "name: requeueInFailure\n      value: \"true\"", "name: requeueInFailure\n      value: \"false\"", "requeueInFailure"},
		{"pubsub-bookings.yaml", "name: autoAck\n      value: \"false\"", "name: autoAck\n      value: \"true\"", "autoAck"},
		{"pubsub-bookings.yaml", "name: enableDeadLetter\n      value: \"false\"", "name: enableDeadLetter\n      value: \"true\"", "enableDeadLetter"},
		{"pubsub-bookings.yaml", "concurrencyMode\n", "concurrency\n", "concurrencyMode"},
		{"pubsub-bookings.yaml", "value: \"100\"", "value: \"0\"", "prefetchCount"},
		{"pubsub-bookings.yaml", "value: \"100\"", "value: \"256\"", "prefetchCount"},
		{"pubsub-bookings.yaml", "value: 10s", "value: 10m", "heartBeat"},
		{"pubsub-bookings.yaml", "secretKeyRef: {name: URL, key: URL}", "value: amqp://user:password@host", "not by reference"},
		{"pubsub-bookings.yaml", "booking=bookings;", "booking=bookings,events;", "publishingScopes of booking"},
		{"pubsub-bookings.yaml", ";notification=notification-dead-letters\n", "\n", "publishingScopes of notification"},
		{"pubsub-bookings.yaml", "event=bookings;", "event=;", "subscriptionScopes of event"},
		{"pubsub-bookings.yaml", "- name: protectedTopics\n      value: bookings,", "- name: protectedTopics\n      value: ", "protectedTopics"},
		{"pubsub-bookings.yaml", "- name: allowedTopics\n      value: bookings,", "- name: allowedTopics\n      value: all,bookings,", "allowedTopics"},
		{"pubsub-users.yaml", "scopes: [user, notification]", "scopes: [user, notification, booking]", "component users: scopes"},
		{"pubsub-users-dead-letters.yaml", "scopes: [notification]", "scopes: [notification, event]", "component users-dead-letters: scopes"},
		{"subscriptions.yaml", "pubsubname: users-dead-letters", "pubsubname: dead-letters", "of dead-letters, want users-dead-letters"},
		{"secrets.yaml", "value: RABBITMQ_", "value: \"\"", "whole environment"},
		{"payment-secrets.yaml", "scopes: [booking]", "scopes: [booking, user]", "component payment-secrets: scopes"},
		{"payment-secrets.yaml", "value: STRIPE_", "value: \"\"", "whole environment"},
		{"subscriptions.yaml", "pubsubname: bookings", "pubsubname: events", "of events, want bookings"},
		{"subscriptions.yaml", "scopes: [event]", "scopes: [event, user]", "want one app"},
		{"subscriptions.yaml", "scopes: [event]", "", "want one app"},
		{"subscriptions.yaml", "queueType: quorum", "queueType: classic", "not a quorum queue"},
		{"subscriptions.yaml", ", rawPayload: \"true\"", "", "the sidecar reads the message"},
		{"subscriptions.yaml", "  deadLetterTopic: event-dead-letters\n", "", "event does not hear bookings"},
		{"subscriptions.yaml", "topic: booking-dead-letters", "topic: other", "booking does not hear its dead letters"},
		{"resiliency.yaml", "        maxRetries: 8\n", "", "delivery has no bound"},
		{"resiliency.yaml", "maxRetries: 8", "maxRetries: -1", "delivery has no bound"},
		{"resiliency.yaml", "maxInterval: 15s", "maxInterval: 15h", "pauses of delivery"},
		{"resiliency.yaml", "maxRetries: 0", "maxRetries: 3", "retries calls of user"},
		{"resiliency.yaml", "      booking: {retry: once}\n", "", "retries calls of booking"},
		{"resiliency.yaml", "event: {retry: once}", "event: {retry: once, timeout: short}", "event has"},
		{"resiliency.yaml", "bookings: {inbound: {retry: delivery}}", "bookings: {inbound: {retry: other}}", "by bookings are not tried again"},
		{"resiliency.yaml", "policies:\n", "policies:\n    timeouts: {short: 1s}\n", "timeouts"},
		{"resiliency.yaml", "policies:\n", "policies:\n    circuitBreakers: {b: {trip: consecutiveFailures > 5}}\n", "circuitBreakers"},
		{"resiliency.yaml", "scopes: [user, ", "scopes: [", "resiliency: scopes"},
		{"resiliency.yaml", "apiVersion", "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: x}\n---\napiVersion", "stands beside others"},
		{"config.yaml", "defaultAccess: deny", "defaultAccess: allow", "secrets of secrets are open"},
		{"config.yaml", "[SECRET_KEY, WEBHOOK_SECRET]", "[SECRET_KEY, WEBHOOK_SECRET, X]", "secrets of payment-secrets are open"},
		{"config.yaml", "increasedCardinality: false", "increasedCardinality: true", "increasedCardinality"},
		{"config.yaml", "      - {name: metadata, version: v1, protocol: grpc}\n", "", "without a rule is open"},
		{"config.yaml", "{name: publish, version: v1.0", "{name: shutdown, version: v1.0", "allowed are"},
		{"config.yaml", "  features:", "  accessControl: {defaultAction: deny}\n  features:", "accessControl"},
		{"config.yaml", "name: HotReload\n      enabled: false", "name: HotReload\n      enabled: true", "change while a sidecar runs"},
		{"dapr.yaml", "schedulerHostAddress: \" \"", "schedulerHostAddress: localhost", "schedulerHostAddress"},
		{"dapr.yaml", "  enableAppHealthCheck: true\n", "", "enableAppHealthCheck"},
		{"dapr.yaml", "PUBLISHED_LOCALLY: \"true\"", "PUBLISHED_LOCALLY: \"false\"", "PUBLISHED_LOCALLY"},
		{"dapr.yaml", "daprHTTPPort: 3501", "daprHTTPPort: 3500", "share port 3500"},
		{"dapr.yaml", "appPort: 8083", "appPort: 8084", "notification is on 8084"},
		{"dapr.yaml", "command: [.tools/bin/user]", "command: [\"${HOME}/user\"]", "not expanded"},
	} {
		dir := top + "/components/"
		if m.file == "dapr.yaml" {
			dir = top + "/"
		}
		b, err := os.ReadFile(dir + m.file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(b), m.old, m.new, 1)
		if changed == string(b) {
			t.Errorf("%s: %q is not in it", m.file, m.old)
			continue
		}
		found := false
		faults := mutated(t, m.file, changed)
		for _, fault := range faults {
			found = found || strings.Contains(fault, m.fault)
		}
		if !found {
			t.Errorf("%s with %q: %q, want one about %q", m.file, m.new, faults, m.fault)
		}
	}
}
