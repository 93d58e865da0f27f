//go:build integration

package compose_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/log"
)

func init() { log.SetDefault(silent{}) }

type silent struct{}

func (silent) Printf(string, ...any) {}

// running is a container that stands for one of the file.
type running struct {
	*testcontainers.DockerContainer
	health []string
}

// start runs a container as docker compose would run that service of the file:
// its environment, configs and restrictions, and here with an image of the
// caller's choice. Its ports are published at free ones of this machine.
func start(t *testing.T, s types.ServiceConfig, configs types.Configs, image testcontainers.CustomizeRequestOption) *running {
	t.Helper()
	env := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	var files []testcontainers.ContainerFile
	for _, c := range s.Configs {
		files = append(files, testcontainers.ContainerFile{
			Reader:            strings.NewReader(configs[c.Source].Content),
			ContainerFilePath: c.Target, FileMode: int64(*c.Mode),
		})
	}
	var exposed []string
	bindings := network.PortMap{}
	for _, p := range s.Ports {
		port := network.MustParsePort(fmt.Sprintf("%d/tcp", p.Target))
		exposed = append(exposed, port.String())
		bindings[port] = []network.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1")}}
	}
	var mounts []mount.Mount
	for _, v := range s.Volumes {
		mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Target: v.Target}) // goes with the container
	}
	tmpfs := map[string]string{}
	for _, dir := range s.Tmpfs {
		tmpfs[dir] = "rw"
	}
	c, err := testcontainers.Run(t.Context(), "", image,
		testcontainers.WithEnv(env), testcontainers.WithFiles(files...), testcontainers.WithTmpfs(tmpfs),
		testcontainers.WithExposedPorts(exposed...),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings, h.Mounts = bindings, mounts
			h.ReadonlyRootfs, h.CapDrop, h.SecurityOpt = s.ReadOnly, s.CapDrop, s.SecurityOpt
		}))
	testcontainers.CleanupContainer(t, c, testcontainers.StopTimeout(0))
	if err != nil {
		t.Fatalf("%v (.ci/images/build finds an engine and images)", err)
	}
	r := &running{DockerContainer: c}
	if s.HealthCheck != nil {
		switch r.health = s.HealthCheck.Test; r.health[0] {
		case "CMD":
			r.health = r.health[1:]
		case "CMD-SHELL":
			r.health = []string{"/bin/sh", "-c", r.health[1]}
		}
	}
	return r
}

// run runs a command in the container and returns its exit code and output.
func (r *running) run(t *testing.T, command ...string) (code int, output string) {
	t.Helper()
	code, output, err := r.try(t.Context(), command...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", command[0], err, r.logs(t))
	}
	return code, output
}

func (r *running) try(ctx context.Context, command ...string) (code int, output string, err error) {
	code, out, err := r.Exec(ctx, command, exec.Multiplexed())
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(out)
	return code, string(text), err
}

// eventually runs a command in the container until it succeeds.
func (r *running) eventually(t *testing.T, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for last := "nothing"; ; {
		code, out, err := r.try(ctx, command...)
		switch {
		case err == nil && code == 0:
			return
		case err == nil:
			last = out
		case ctx.Err() == nil:
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%q does not succeed; at last it said: %s\n%s", command, last, r.logs(t))
		case <-tick.C:
		}
	}
}

// healthy waits until the file's health check succeeds.
func (r *running) healthy(t *testing.T) {
	t.Helper()
	r.eventually(t, r.health...)
}

// addr is where a port of the container is on this machine.
func (r *running) addr(t *testing.T, port string) string {
	t.Helper()
	addr, err := r.PortEndpoint(t.Context(), port+"/tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func (r *running) logs(t *testing.T) string {
	t.Helper()
	out, err := r.Logs(context.Background())
	if err != nil {
		return err.Error()
	}
	defer out.Close()
	text, err := io.ReadAll(out)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
