//go:build integration

package gateway

import (
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/daprtest"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
)

// As TestLargeBodiesStream, through the sidecars of the gateway and of the service.
func TestLargeBodiesStreamThroughSidecars(t *testing.T) { //nolint:paralleltest // as that one
	s := &blobService{ends: make(chan error, 10)}
	app := httptest.NewServer(s.handler())
	t.Cleanup(app.Close)
	names := filepath.Join(t.TempDir(), "names.db")
	files := daprtest.Copy(t, filepath.Join(top, "components"), func(doc map[string]any) []map[string]any {
		switch doc["kind"] {
		case "Configuration":
			spec, _ := doc["spec"].(map[string]any)
			spec["nameResolution"] = map[string]any{
				"component": "sqlite", "configuration": map[string]any{"connectionString": names},
			}
		case "Resiliency":
		default: // they ask for a broker
			return nil
		}
		return []map[string]any{doc}
	})
	start := func(id string, port int) *daprtest.Process {
		return daprtest.Start(t, daprtest.Sidecar{
			AppID: id, AppPort: port, Resources: files, Env: []string{"DAPR_API_TOKEN=api", "APP_API_TOKEN=app"}, MaxBodySize: maxBodySize(t),
		})
	}
	port := app.Listener.Addr().(*net.TCPAddr).Port
	mine, theirs := start("user", 0), start("event", port)
	for _, p := range []*daprtest.Process{mine, theirs} {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	at, err := url.Parse(mine.URL)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseUint(at.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	way, err := sidecar.Open(sidecar.Config{Port: uint16(number), APIToken: "api", AppToken: "app"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	before := []string{mine.PeakMemory(), theirs.PeakMemory()}
	streams(t, gatewayTo(t, "http://event", way.Transport), s)
	t.Logf("the peak memory of the gateway's sidecar was %s before and is %s, that of the service's was %s and is %s",
		before[0], mine.PeakMemory(), before[1], theirs.PeakMemory())
}

// maxBodySize is what dapr.yaml gives all sidecars.
func maxBodySize(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, "dapr.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\s*maxBodySize: (\w+)$`).FindSubmatch(b)
	if found == nil {
		t.Fatal("dapr.yaml has no maxBodySize")
	}
	return string(found[1])
}
