package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README's tour works when pasted, on a platform with its sample data.
func TestStandaloneReadmeTour(t *testing.T) {
	t.Parallel()
	s := newStandalone(t, t.TempDir(), options{noProxies: true})
	s.env = slices.DeleteFunc(s.env, func(v string) bool {
		return strings.HasPrefix(v, "ADMIN_") || strings.HasPrefix(v, "SAMPLE_DATA=")
	})
	p := &platform{system: s, client: newHTTPClient(), admin: &account{}}
	t.Cleanup(func() { p.end(t) })
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if err := p.awaitReady(); err != nil {
		t.Fatal(err)
	}
	tour(t, p)
}

// tour pastes the README's tour, with the address of p.
func tour(t *testing.T, p *platform) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("(?s)<!-- tour -->\n```sh\n(.*?)```").FindSubmatch(readme)
	if text == nil {
		t.Fatal("the README has no tour")
	}
	script := strings.Replace(string(text[1]), "http://127.0.0.1:8080", p.url(gateway, ""), 1)
	cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "-c", script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour stops: %v\n%s", err, out)
	}
	for _, want := range []string{
		"Accordion", `"sales_open":true`, `"role":"customer"`, `"status":"CONFIRMED"`,
		`"code":"payment_declined"`, `"status":"awaiting"`, `"status":"CANCELLED"`,
		`"status":"VALID","holder":{"name":"A Friend","email":"friend@example.com"},"issue":2,"code":"`,
		`"status":"CANCELLED","holder":{"name":"Me"`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour shows no %s:\n%s", want, out)
		}
	}
	// Only the refusals that it is about.
	if n := len(regexp.MustCompile(`"code":"[a-z_]+"`).FindAll(out, -1)); n != 2 { // a ticket's has capital letters
		t.Errorf("the tour is refused %d times, want twice:\n%s", n, out)
	}
}
