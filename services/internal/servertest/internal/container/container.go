// Package container runs a server in a container that can be killed and
// started again. No container outlives the process that ran it.
package container

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/lastwill"
)

// label marks our containers; its value is the session's.
const label = "boxoffice.tests"

// session is this process.
var session = rand.Text()

// Container is a server in a container.
type Container struct {
	container testcontainers.Container
	docker    *testcontainers.DockerClient
	addrs     map[int]string // by the port inside
	port      int            // Spec's
}

// Spec says what to run.
type Spec struct {
	Image string
	Port  int   // the server's, TCP
	Also  []int // further ones, if it has any
	Env   map[string]string
	Cmd   []string // what the image says, if empty
	// InMemory is a directory, if any, whose files are kept in memory: as
	// good as a disk for a server that is never killed, and many times faster.
	InMemory string
}

// Run starts a container. It does not wait until the server in it answers.
func Run(ctx context.Context, spec Spec) (*Container, error) {
	if err := prepare(); err != nil {
		return nil, err
	}
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("no Docker engine: %w (.ci/images/build finds or installs one)", err)
	}
	host, err := daemonHost(ctx)
	if err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		c, err := run(ctx, spec, docker, host)
		if err == nil {
			return c, nil
		}
		// Between our look at a port and the engine's somebody took it.
		if attempt == 5 || !strings.Contains(err.Error(), "port is already allocated") && !strings.Contains(err.Error(), "address already in use") {
			return nil, fmt.Errorf("%s: %w (.ci/images/build says which images there are)", spec.Image, err)
		}
	}
}

func run(ctx context.Context, spec Spec, docker *testcontainers.DockerClient, host string) (*Container, error) {
	bindings, exposed, addrs := network.PortMap{}, []string{}, map[int]string{}
	for _, port := range append([]int{spec.Port}, spec.Also...) {
		binding := network.PortBinding{HostPort: strconv.Itoa(freePort())}
		if local(host) {
			binding.HostIP = netip.MustParseAddr("127.0.0.1")
		}
		inside := network.MustParsePort(strconv.Itoa(port) + "/tcp")
		bindings[inside] = []network.PortBinding{binding}
		exposed = append(exposed, inside.String())
		addrs[port] = net.JoinHostPort(host, binding.HostPort)
	}
	tmpfs := map[string]string{}
	if spec.InMemory != "" {
		tmpfs[spec.InMemory] = "rw"
	}
	c, err := testcontainers.Run(ctx, spec.Image,
		testcontainers.WithTmpfs(tmpfs),
		testcontainers.WithEnv(maps.Clone(spec.Env)),
		testcontainers.WithCmd(spec.Cmd...),
		testcontainers.WithLabels(map[string]string{label: session}),
		testcontainers.WithExposedPorts(exposed...),
		// A port that the engine chooses changes when the container is
		// started again.
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = bindings
		}),
	)
	if err != nil {
		return nil, errors.Join(err, testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0)))
	}
	return &Container{container: c, docker: docker, addrs: addrs, port: spec.Port}, nil
}

// Addr is host:port of the server. It stays the same over Kill and Start.
func (c *Container) Addr() string { return c.addrs[c.port] }

// AddrOf is host:port of one of the server's further ports.
func (c *Container) AddrOf(port int) string { return c.addrs[port] }

// Kill ends all processes of the container at once, with SIGKILL. Its files
// stay.
func (c *Container) Kill(ctx context.Context) error {
	_, err := c.docker.ContainerKill(ctx, c.container.GetContainerID(), client.ContainerKillOptions{})
	return err
}

// Stop asks the server to end, and waits until it has.
func (c *Container) Stop(ctx context.Context) error {
	const patience = 60 // seconds
	timeout := patience
	_, err := c.docker.ContainerStop(ctx, c.container.GetContainerID(), client.ContainerStopOptions{Timeout: &timeout})
	return err
}

// Start starts a killed container on the files it left. It does not wait until
// the server answers.
func (c *Container) Start(ctx context.Context) error {
	_, err := c.docker.ContainerStart(ctx, c.container.GetContainerID(), client.ContainerStartOptions{})
	return err
}

// Close removes the container and its files.
func (c *Container) Close(ctx context.Context) error {
	_, err := c.docker.ContainerRemove(ctx, c.container.GetContainerID(),
		client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return err
}

// Logs is the end of what the server printed, for whoever wonders why it does
// not answer.
func (c *Container) Logs(ctx context.Context) string {
	const end = 4000
	r, err := c.container.Logs(ctx)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-end):])
}

func daemonHost(ctx context.Context) (string, error) {
	p, err := testcontainers.NewDockerProvider()
	if err != nil {
		return "", err
	}
	defer func() { _ = p.Close() }()
	return p.DaemonHost(ctx)
}

func local(host string) bool { return host == "localhost" || host == "127.0.0.1" }

// freePort is one below those that systems give to outgoing connections, so
// that none of these takes it while the server is down.
func freePort() int {
	for {
		port := 20_000 + mathrand.IntN(10_000) //nolint:gosec // no secret
		var config net.ListenConfig
		ln, err := config.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = ln.Close()
			return port
		}
	}
}

// prepare sets testcontainers up, and leaves a last will, once.
var prepare = sync.OnceValue(func() error {
	// Ours does without the container, and the image, that Ryuk needs.
	_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	// Where the engine's bridge is one of our own network interfaces, its
	// ports are ours, even if this machine looks like a container.
	if _, err := os.Stat("/sys/class/net/docker0"); err == nil && os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" {
		_ = os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
	log.SetDefault(silent{})
	return removeAll(session)
})

type silent struct{}

func (silent) Printf(string, ...any) {}

// removeAll removes the containers of a session.
var removeAll = lastwill.Define("containers", func(ctx context.Context, session string) error {
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	// Twice: the engine may have been creating one when the session ended.
	for again := range 2 {
		if again > 0 {
			<-time.After(2 * time.Second)
		}
		list, err := docker.ContainerList(ctx, client.ContainerListOptions{
			All: true, Filters: make(client.Filters).Add("label", label+"="+session),
		})
		if err != nil {
			return err
		}
		for _, c := range list.Items {
			_, _ = docker.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
	}
	return nil
})
