//go:build integration

package compose_test

import (
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
)

// The final stage of the Dockerfile is built here from scratch, around a binary
// that this machine's Go built: its first stage needs a public image.
func TestImageRunsAService(t *testing.T) {
	t.Parallel()
	const service = "booking" // which keeps a file
	image := finalStage(t, service)
	p := project(t)
	s := p.Services[service]

	t.Run("without its environment it ends and says what is missing", func(t *testing.T) {
		s := s
		s.Environment = nil
		bare := start(t, s, nil, image)
		if code := exited(t, bare); code == 0 {
			t.Error("it exits with 0")
		}
		for name, param := range reads(t, service) {
			if logs := bare.logs(t); param.Required && !strings.Contains(logs, name) {
				t.Errorf("%s is missing, and it says: %s", name, logs)
			}
		}
	})

	// On SQLite, for there is no other container; and with its port published.
	s.Environment = maps.Clone(s.Environment)
	for name, value := range map[string]string{"STORE": "sqlite", "BOOKING_DB": "data/booking.db"} {
		s.Environment[name] = &value
	}
	s.Ports = []types.ServicePortConfig{{Target: 8082}}
	c := start(t, s, nil, image)
	c.health = []string{"/service", "healthcheck"}
	c.healthy(t)
	inspected, err := c.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	t.Run("its port answers, and its health check asks it", func(t *testing.T) {
		res, err := http.Get("http://" + c.addr(t, "8082") + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		if h := inspected.Config.Healthcheck; h == nil || strings.Join(h.Test, " ") != "CMD "+strings.Join(c.health, " ") {
			t.Errorf("the image's health check is %+v", h)
		}
		code, out, err := c.Exec(t.Context(), c.health, tcexec.WithEnv([]string{"BOOKING_ADDR=127.0.0.1:1"}), tcexec.Multiplexed())
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(out); code == 0 {
			t.Errorf("it succeeds where nothing listens: %s", text)
		}
	})
	t.Run("it is not root", func(t *testing.T) {
		docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer docker.Close()
		top, err := docker.ContainerTop(t.Context(), c.GetContainerID(), client.ContainerTopOptions{Arguments: []string{"-o", "pid,uid,gid"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(top.Processes) != 1 || !slices.Equal(top.Processes[0][1:], []string{"65532", "65532"}) {
			t.Errorf("it is %v %v", top.Titles, top.Processes)
		}
	})
	t.Run("it writes to its volume alone", func(t *testing.T) {
		for _, name := range []string{"/data/booking.db", "/data/sandbox.db"} {
			file, err := c.CopyFileFromContainer(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			_ = file.Close()
		}
		if !inspected.HostConfig.ReadonlyRootfs {
			t.Error("the rest can be written")
		}
	})
	t.Run("it ends well when it is asked to", func(t *testing.T) {
		patience := 30 * time.Second
		if err := c.Stop(t.Context(), &patience); err != nil {
			t.Fatal(err)
		}
		if code := exited(t, c); code != 0 {
			t.Errorf("it exits with %d: %s", code, c.logs(t))
		}
	})
}

// finalStage is the image that the Dockerfile's last stage makes of a service.
func finalStage(t *testing.T, service string) testcontainers.CustomizeRequestOption {
	t.Helper()
	text, err := os.ReadFile(top + "/services/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, ok := strings.Cut(string(text), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the Dockerfile's last stage is not from scratch")
	}
	dir := t.TempDir()
	certificates := filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt")
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"+strings.ReplaceAll(last, "--from=build ", "")), 0o600),
		os.Mkdir(filepath.Join(dir, "data"), 0o755),
		os.MkdirAll(filepath.Dir(certificates), 0o755),
		os.WriteFile(certificates, nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "service"), "./cmd/"+service)
	build.Dir = filepath.Join(top, "services", service)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: dir})
}

// exited waits for the end of a container and returns its exit code.
func exited(t *testing.T, r *running) int {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		state, err := r.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !state.Running {
			return state.ExitCode
		}
		if time.Now().After(deadline) {
			t.Fatalf("it still runs:\n%s", r.logs(t))
		}
	}
}
