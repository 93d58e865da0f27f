//go:build integration

package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/daprtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/freeport"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
)

// This file is how the four processes run with their sidecars, as dapr.yaml and
// components/ say: they are read here, so that they are what is tested. Only
// ports, and how sidecars find each other, are the test's own.

const top = "../.."

var daprWay = way{
	build: buildProcesses,
	new: func(t testing.TB, dir string, o options) system {
		return newProcesses(t, dir, setup{options: o, sidecars: true})
	},
	pace: processesWay.pace,
	rush: processesWay.rush,
}

// runFile is what dapr.yaml says.
type runFile struct {
	daprd    string
	files    string // the copy of components/
	common   map[string]any
	apps     map[service]map[string]any
	rabbitmq string
	// What a service shows its sidecar, and the other way round.
	apiToken, appToken string
}

// flags are what `dapr run` makes of a setting: "" is not daprd's business, or
// the test's own.
var flags = map[string]string{
	"placementHostAddress": "placement-host-address", "schedulerHostAddress": "scheduler-host-address",
	"apiListenAddresses": "dapr-listen-addresses", "appProtocol": "app-protocol",
	"enableAppHealthCheck": "enable-app-health-check", "appHealthCheckPath": "app-health-check-path",
	"appHealthProbeInterval": "app-health-probe-interval", "appHealthProbeTimeout": "app-health-probe-timeout",
	"appHealthThreshold": "app-health-threshold", "maxBodySize": "max-body-size", "readBufferSize": "read-buffer-size", "appID": "app-id",
	"resourcesPaths": "", "configFilePath": "", "appLogDestination": "", "daprdLogDestination": "",
	"appDirPath": "", "command": "", "env": "",
	"appPort": "", "daprHTTPPort": "", "daprGRPCPort": "", "daprInternalGRPCPort": "", "metricsPort": "",
}

func readRun(t testing.TB, dir, rabbitmq string) *runFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, "dapr.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Version int
		Common  map[string]any
		Apps    []map[string]any
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatalf("dapr.yaml: %v", err)
	}
	if rabbitmq == "" {
		rabbitmq = rabbittest.New(t).URL()
	}
	r := &runFile{
		daprd: daprtest.Program(t), common: file.Common, apps: map[service]map[string]any{}, rabbitmq: rabbitmq,
		apiToken: rand.Text(), appToken: rand.Text(),
	}
	for _, app := range file.Apps {
		id, _ := app["appID"].(string)
		r.apps[service(id)] = app
	}
	for _, s := range services {
		if r.apps[s] == nil {
			t.Fatalf("dapr.yaml does not run %s", s)
		}
	}
	if paths := fmt.Sprint(r.common["resourcesPaths"], " ", r.common["configFilePath"]); paths != "[./components] ./components/config.yaml" {
		t.Fatalf("dapr.yaml takes its resources from %s", paths)
	}
	r.files = daprtest.Copy(t, filepath.Join(top, "components"), func(doc map[string]any) []map[string]any {
		if doc["kind"] == "Configuration" { // of this platform alone, and no packet leaves the machine
			doc["spec"].(map[string]any)["nameResolution"] = map[string]any{
				"component": "sqlite", "configuration": map[string]any{"connectionString": filepath.Join(dir, "names.db")},
			}
		}
		return []map[string]any{doc}
	})
	for _, settings := range append(file.Apps, r.common) {
		for name := range settings {
			if _, known := flags[name]; !known {
				t.Fatalf("dapr.yaml: nothing here knows what %s does", name)
			}
		}
	}
	return r
}

// sidecar is one process's.
type sidecar struct {
	program
	run  *runFile
	of   service
	http string // where its API is
}

func (r *runFile) sidecar(of service, output string) *sidecar {
	s := &sidecar{run: r, of: of}
	s.path, s.output = r.daprd, output
	return s
}

// settle gives it ports, and the address of its service.
func (s *sidecar) settle(app string) {
	s.http = freeport.Address()
	s.args = []string{
		"--resources-path", s.run.files, "--config", filepath.Join(s.run.files, "config.yaml"),
		"--app-port", port(app), "--dapr-http-port", port(s.http), "--dapr-grpc-port", port(freeport.Address()),
		"--dapr-internal-grpc-port", port(freeport.Address()), "--metrics-port", port(freeport.Address()),
		// `dapr run` leaves these open to other machines; a test does not.
		"--dapr-internal-grpc-listen-address", "127.0.0.1", "--metrics-listen-address", "127.0.0.1",
	}
	for _, settings := range []map[string]any{s.run.common, s.run.apps[s.of]} {
		for name, value := range settings {
			if flag := flags[name]; flag != "" {
				s.args = append(s.args, fmt.Sprintf("--%s=%v", flag, value))
			}
		}
	}
	s.env = append(os.Environ(), "RABBITMQ_URL="+s.run.rabbitmq, "DAPR_API_TOKEN="+s.run.apiToken, "APP_API_TOKEN="+s.run.appToken)
}

// begin starts it, and returns when it can find the others or has ended. Those
// that begin at the same moment lock each other out of the file of names, and one
// that is locked out goes on without: it is started again.
func (s *sidecar) begin() error {
	for try := 1; ; try++ {
		earlier, _ := os.ReadFile(s.output) // none at first
		if err := s.start(); err != nil {
			return err
		}
		lockedOut := false
		if err := poll(patience, func() error {
			said := s.said()[len(earlier):]
			lockedOut = strings.Contains(said, "initialization error occurred for nr (")
			if lockedOut || strings.Contains(said, "Initialized name resolution") {
				return nil
			}
			select {
			case <-s.exited: // whoever waits for it says so
				return nil
			default:
			}
			return fmt.Errorf("the sidecar of %s does not know where it finds others", s.of)
		}); err != nil || !lockedOut || try == 5 {
			return err
		}
		s.kill()
	}
}

func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		panic(err)
	}
	return p
}

// appEnvironment is what `dapr run` tells the service, dapr.yaml's env among it, and what
// both have from the shell.
func (s *sidecar) appEnvironment() []string {
	env := []string{"DAPR_HTTP_PORT=" + port(s.http), "DAPR_API_TOKEN=" + s.run.apiToken, "APP_API_TOKEN=" + s.run.appToken}
	common, _ := s.run.common["env"].(map[string]any)
	for name, value := range common {
		env = append(env, fmt.Sprintf("%s=%v", name, value))
	}
	return env
}

// complaints are the lines of its log that are no mere information.
func (s *sidecar) complaints() string {
	var out strings.Builder
	for line := range strings.Lines(s.said()) {
		if strings.Contains(line, "level=warning") || strings.Contains(line, "level=error") || strings.Contains(line, "level=fatal") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// meshed waits until every sidecar serves its own service, and finds those of
// the others that it calls.
func (s *manyProcesses) meshed() error {
	if s.dapr == nil {
		return nil
	}
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	for _, r := range s.all {
		for _, path := range map[service][]string{
			gateway:       {"event /events?limit=1", "booking /healthz", "notification /healthz"},
			events:        {"user /.well-known/jwks.json"},
			bookings:      {"user /.well-known/jwks.json", "event /events?limit=1", "notification /healthz"},
			notifications: {"user /.well-known/jwks.json"},
		}[r.of] {
			app, path, _ := strings.Cut(path, " ")
			if err := poll(patience, func() error {
				if err := r.sidecar.ended(); err != nil {
					return final{err}
				}
				req, err := http.NewRequest(http.MethodGet, "http://"+r.sidecar.http+path, nil)
				if err != nil {
					return final{err}
				}
				req.Header.Set("dapr-app-id", app)
				req.Header.Set("dapr-api-token", s.dapr.apiToken)
				res, err := client.Do(req)
				if err != nil {
					return err
				}
				defer func() { _ = res.Body.Close() }()
				if res.StatusCode != http.StatusOK {
					return errors.New(res.Status)
				}
				return nil
			}); err != nil {
				return fmt.Errorf("%s does not reach %s: %w", r.name(), app, err)
			}
		}
	}
	return nil
}
