// Package daprtest runs Dapr's sidecar, daprd, for tests: the program that
// TEST_DAPRD names, as .ci/daprd prints it, or else the one in PATH. The files it
// runs on are copies of those in components/, with the test's own addresses.
package daprtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/freeport"
)

const startTimeout = 5 * time.Minute

// Sidecar says what to run.
type Sidecar struct {
	AppID   string
	AppPort int // 0 for an app that only calls
	// Resources is the directory of a copy of components/; config.yaml in it is
	// the configuration.
	Resources string
	Env       []string // "NAME=value": tokens, secrets
	// MaxBodySize is how large a body may be ("9Mi"); Dapr's default where empty.
	MaxBodySize string
}

// Process is a sidecar that runs.
type Process struct {
	// URL is the sidecar's API.
	URL string

	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	kill  sync.Once
}

// Program is the path of daprd.
func Program(t testing.TB) string {
	t.Helper()
	if daprd := os.Getenv("TEST_DAPRD"); daprd != "" {
		return daprd
	}
	daprd, err := exec.LookPath("daprd")
	if err != nil {
		t.Fatal("there is no daprd: TEST_DAPRD=$(.ci/daprd) finds or builds one")
	}
	return daprd
}

// Start starts a sidecar, which ends with the test, and returns at once: Wait
// waits until it serves.
func Start(t testing.TB, s Sidecar) *Process {
	t.Helper()
	daprd := Program(t)
	ports := freePorts(4)
	p := &Process{
		URL: "http://127.0.0.1:" + ports[0], ended: make(chan struct{}),
		log: filepath.Join(t.TempDir(), s.AppID+".log"),
	}
	args := []string{
		"--app-id", s.AppID, "--resources-path", s.Resources, "--config", filepath.Join(s.Resources, "config.yaml"),
		"--dapr-http-port", ports[0], "--dapr-grpc-port", ports[1], "--dapr-internal-grpc-port", ports[2], "--metrics-port", ports[3],
		"--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1", "--metrics-listen-address", "127.0.0.1",
	}
	if s.AppPort > 0 {
		args = append(args, "--app-port", strconv.Itoa(s.AppPort))
	}
	if s.MaxBodySize != "" {
		args = append(args, "--max-body-size", s.MaxBodySize)
	}
	p.cmd = exec.Command(daprd, args...) //nolint:gosec,noctx // Kill ends it, whatever context ends
	p.cmd.Env = append(os.Environ(), s.Env...)
	dieWithParent(p.cmd)
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	err = p.cmd.Start()
	_ = log.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the last words of the sidecar of %s:\n%s", s.AppID, p.Log())
		}
	})
	return p
}

// PeakMemory is the most memory that the sidecar has had so far, as Linux tells it
// ("112340 kB"); elsewhere it is "unknown".
func (p *Process) PeakMemory() string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return "unknown"
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	peak, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(peak)
}

// Kill ends the sidecar at once, as kill -9 does.
func (p *Process) Kill() {
	p.kill.Do(func() { _ = p.cmd.Process.Kill() })
	<-p.ended
}

// Log is the end of what the sidecar printed.
func (p *Process) Log() string {
	const end = 4000
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-end):])
}

// Wait returns when the sidecar serves its app: its components are there.
func (p *Process) Wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.serves(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("the sidecar has ended")
		case <-ctx.Done():
			return fmt.Errorf("the sidecar does not serve: %w", err)
		case <-tick.C:
		}
	}
}

func (p *Process) serves(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/v1.0/healthz/outbound", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusNoContent {
		return errors.New(res.Status)
	}
	return nil
}

// Copy makes a copy of the files in a directory, and returns its directory. edit
// gets each document and returns those that take its place.
func Copy(t testing.TB, from string, edit func(doc map[string]any) []map[string]any) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s, %v", len(files), from, err)
	}
	dir := t.TempDir()
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		for in := yaml.NewDecoder(bytes.NewReader(b)); ; {
			var doc map[string]any
			if err := in.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, doc := range edit(doc) {
				text, err := yaml.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				if out.Len() > 0 {
					out.WriteString("---\n")
				}
				out.Write(text)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func freePorts(n int) (ports []string) {
	for range n {
		_, number, _ := net.SplitHostPort(freeport.Address())
		ports = append(ports, number)
	}
	return ports
}
