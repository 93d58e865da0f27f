package standalone_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Whoever types `make run` on a fresh machine downloads and builds what standalone
// needs, and not what talks to servers that it does not have.
func TestStandaloneLinksNoDriverOfAServer(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/boxoffice").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for pkg := range strings.Lines(string(out)) {
		pkg = strings.TrimSpace(pkg)
		for _, unwanted := range []string{"github.com/jackc/", "go.mongodb.org/", "github.com/rabbitmq/", "github.com/dapr/", "google.golang.org/grpc"} {
			if strings.HasPrefix(pkg, unwanted) {
				t.Errorf("boxoffice links %s", pkg)
			}
		}
		if strings.Contains(pkg, "/adapter/sqlite") {
			found++
		}
	}
	if found != 4 {
		t.Errorf("boxoffice links %d services' SQLite adapters, want 4", found)
	}
}
