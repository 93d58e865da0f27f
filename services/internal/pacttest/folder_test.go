package pacttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `{"consumer": {"name": "user"}, "provider": {"name": "event"}, "interactions": [
	{"type": "Synchronous/HTTP", "description": "a look", "providerStates": [{"name": "there is an event"}]}]}`

// folder holds files: names and texts.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ dir, want string }{
		"a folder that is not there": {filepath.Join(t.TempDir(), "gone"), "has no pacts"},
		"an empty folder":            {folder(t), "has no pacts"},
		"a folder of other things":   {folder(t, "README.md", "pacts"), "has no pacts"},
		"what is no JSON":            {folder(t, "user-event.json", "{"), "unexpected end"},
		"a stranger's pact": {
			folder(t, "shop-event.json", strings.Replace(good, "user", "shop", 1)), `"shop" is none of booking, event, notification, user`,
		},
		"a pact with a stranger": {
			folder(t, "user-events.json", strings.Replace(good, `"event"}`, `"events"}`, 1)), `"events" is none of`,
		},
		"another's name":          {folder(t, "user-booking.json", good), "should be named user-event.json"},
		"a pact about nothing":    {folder(t, "user-event.json", `{"consumer": {"name": "user"}, "provider": {"name": "event"}}`), "no interactions"},
		"one bad among good ones": {folder(t, "user-event.json", good, "booking-event.json", "{}"), `booking-event.json: "" is none of`},
	} {
		t.Run(name, func(t *testing.T) { says(t, second(Read(c.dir)), c.want) })
	}
}

func TestAProviderMustKnowAllThatIsExpected(t *testing.T) {
	t.Parallel()
	known := func(names ...string) func(string) bool {
		return func(name string) bool { return strings.Contains(strings.Join(names, "\n"), name) }
	}
	message := `{"consumer": {"name": "event"}, "provider": {"name": "booking"}, "interactions": [
		{"type": "Asynchronous/Messages", "description": "a booking is confirmed"}]}`
	dir := folder(t, "user-event.json", good, "event-booking.json", message)
	files, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := of(files, "event", []string{"user"}, known("there is an event"), known())
	if err != nil || len(mine) != 1 || mine[0].Consumer.Name != "user" {
		t.Errorf("of event are %+v, %v", mine, err)
	}
	if _, err := of(files, "booking", []string{"event"}, known(), known("a booking is confirmed")); err != nil {
		t.Error(err)
	}

	_, err = of(files, "event", []string{"user"}, known("another"), known())
	says(t, err, `user expects "a look": event has no handler for the state "there is an event"`)
	_, err = of(files, "booking", nil, known(), known("another"))
	says(t, err, `event expects "a booking is confirmed": booking has no such message`)
	_, err = of(files, "event", []string{"booking", "user"}, known("there is an event"), known())
	says(t, err, "there is no pact between booking and event")
	_, err = of(files, "event", []string{}, known("there is an event"), known())
	says(t, err, "event does not know of its consumer user")
	_, err = of(files, "user", []string{"event"}, known(), known()) // the folder is another provider's
	says(t, err, "there is no pact between event and user")

	stateless, err := Read(folder(t, "user-event.json", strings.Replace(good, `[{"name": "there is an event"}]`, "[]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = of(stateless, "event", nil, known("there is an event"), known())
	says(t, err, "it has 0 states, not one")
}

func second[T any](_ T, err error) error { return err }

func says(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want one that says %q", err, want)
	}
}
