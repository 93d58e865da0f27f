package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

type testConfig struct {
	Addr string `env:"TEST_ADDR" envDefault:"127.0.0.1:0"`
	URL  string `env:"TEST_URL,required"`
}

// testApp serves what it is given.
type testApp struct {
	handler http.Handler
	run     func(ctx context.Context) error
	closed  atomic.Bool
}

func (a *testApp) Handler() http.Handler { return a.handler }

func (a *testApp) Run(ctx context.Context) error {
	if a.run != nil {
		return a.run(ctx)
	}
	<-ctx.Done()
	return nil
}

func (a *testApp) Close() error {
	if a.closed.Swap(true) {
		return errors.New("closed twice")
	}
	return nil
}

func service(open func() (App, error)) Service[testConfig] {
	return Service[testConfig]{
		Name: "test",
		Addr: func(c testConfig) (string, string) { return c.Addr, "TEST_ADDR" },
		Open: func(context.Context, testConfig, *slog.Logger) (App, error) { return open() },
		Migrate: func(context.Context, testConfig) error {
			a, err := open()
			if err != nil {
				return err
			}
			return a.Close()
		},
	}
}

// output is a writer of several goroutines.
type output struct {
	sync.Mutex
	bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.Buffer.Write(b)
}

func (o *output) text() string {
	o.Lock()
	defer o.Unlock()
	return o.String()
}

// until polls what must become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what + ": not within a minute")
		}
	}
}

// freePort is one that nobody listens on at this moment.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestWhatIsWrongIsSaidByName(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	fine := map[string]string{"TEST_URL": "x"}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		open error
		code int
		want string
	}{
		"missing variable":   {env: map[string]string{}, code: 1, want: "TEST_URL is not set"},
		"malformed setting":  {env: map[string]string{"TEST_URL": "x", "START_TIMEOUT": "soon"}, code: 1, want: "START_TIMEOUT is not a"},
		"both at once":       {env: map[string]string{"START_TIMEOUT": "soon"}, code: 1, want: "TEST_URL is not set"},
		"log file":           {env: map[string]string{"TEST_URL": "x", "LOG_FILE": filepath.Join(t.TempDir(), "no", "such", "folder")}, code: 1, want: "LOG_FILE"},
		"profiles for all":   {env: map[string]string{"TEST_URL": "x", "PPROF_ADDR": "0.0.0.0:0"}, code: 1, want: "PPROF_ADDR"},
		"taken address":      {env: map[string]string{"TEST_URL": "x", "TEST_ADDR": taken.Addr().String()}, code: 1, want: "TEST_ADDR: listen"},
		"no database":        {env: map[string]string{"TEST_URL": "x", "START_TIMEOUT": "300ms"}, open: fmt.Errorf("%w: refused", storage.ErrUnavailable), code: 1, want: "not there within START_TIMEOUT=300ms"},
		"no database yet":    {args: []string{"migrate"}, env: map[string]string{"TEST_URL": "x", "START_TIMEOUT": "300ms"}, open: storage.ErrUnavailable, code: 1, want: "START_TIMEOUT=300ms"},
		"another mistake":    {env: fine, open: errors.New("STORE is \"files\""), code: 1, want: "STORE is"},
		"unknown command":    {args: []string{"serve"}, env: fine, code: 2, want: "usage: test"},
		"too many arguments": {args: []string{"migrate", "now"}, env: fine, code: 2, want: "usage: test"},
		"nobody runs":        {args: []string{"healthcheck"}, env: map[string]string{"TEST_URL": "x", "TEST_ADDR": freePort(t)}, code: 1, want: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			var errs bytes.Buffer
			app := &testApp{handler: http.NotFoundHandler()}
			code := service(func() (App, error) { return app, c.open }).main(c.args, c.env, io.Discard, &errs)
			if code != c.code || !strings.Contains(errs.String(), c.want) {
				t.Errorf("code %d, %q; want %d and %q", code, errs.String(), c.code, c.want)
			}
			if name == "taken address" && !app.closed.Load() {
				t.Error("the databases stay open")
			}
		})
	}
}

func TestWithoutADatabaseThereIsNothingToMigrate(t *testing.T) {
	t.Parallel()
	s := service(func() (App, error) { return &testApp{handler: http.NotFoundHandler()}, nil })
	s.Migrate = nil
	var errs bytes.Buffer
	if code := s.main([]string{"migrate"}, map[string]string{"TEST_URL": "x"}, io.Discard, &errs); code != 2 || strings.Contains(errs.String(), "migrate") {
		t.Errorf("code %d, %q", code, errs.String())
	}
}

func TestStartWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	open := func() (App, error) {
		if tries.Add(1) < 3 {
			return nil, fmt.Errorf("connect: %w", storage.ErrUnavailable)
		}
		return &testApp{handler: http.NotFoundHandler()}, nil
	}
	var out, errs output
	if code := service(open).main([]string{"migrate"}, map[string]string{"TEST_URL": "x"}, &out, &errs); code != 0 {
		t.Fatal(errs.text())
	}
	if got := strings.Count(out.text(), `"msg":"waiting for the database"`); got != 2 {
		t.Errorf("%d lines of waiting, want 2:\n%s", got, out.text())
	}
}

// The only test that sends this process a signal.
//
//nolint:paralleltest // the signal would end what other tests run
func TestRunServesUntilItIsToldToStop(t *testing.T) {
	addr, file := freePort(t), filepath.Join(t.TempDir(), "test.log")
	env := map[string]string{"TEST_URL": "x", "TEST_ADDR": addr, "LOG_FILE": file}
	entered, proceed := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-proceed
		_, _ = io.WriteString(w, "whole")
	})
	worked := make(chan struct{})
	app := &testApp{handler: mux, run: func(ctx context.Context) error {
		<-ctx.Done()
		close(worked)
		return nil
	}}
	s := service(func() (App, error) { return app, nil })
	var out, errs output
	ended := make(chan int)
	go func() { ended <- s.main(nil, env, &out, &errs) }()
	until(t, "healthy", func() bool { return s.main([]string{"healthcheck"}, env, io.Discard, io.Discard) == 0 })

	answer := make(chan string)
	go func() {
		res, err := httpkit.NewHTTPClient().Get("http://" + addr + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answer <- string(b)
	}()
	<-entered
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "no new requests", func() bool { return s.main([]string{"healthcheck"}, env, io.Discard, io.Discard) != 0 })
	select {
	case <-worked:
		t.Error("the workers stopped before the last request had its answer")
	default:
	}
	close(proceed)
	if got := <-answer; got != "whole" {
		t.Errorf("the request that was under way got %q", got)
	}
	if code := <-ended; code != 0 {
		t.Errorf("code %d: %s", code, errs.text())
	}
	if !app.closed.Load() {
		t.Error("the databases stay open")
	}
	logged, err := os.ReadFile(file)
	if err != nil || string(logged) != out.text() || !strings.Contains(out.text(), `"msg":"ready"`) {
		t.Errorf("%v: LOG_FILE has\n%s\nstdout\n%s", err, logged, out.text())
	}
}

func TestAFailedWorkerEndsTheProcess(t *testing.T) {
	t.Parallel()
	app := &testApp{handler: http.NotFoundHandler(), run: func(context.Context) error { return errors.New("lost the queue") }}
	var errs output
	code := service(func() (App, error) { return app, nil }).main(nil, map[string]string{"TEST_URL": "x"}, io.Discard, &errs)
	if code != 1 || !strings.Contains(errs.text(), "lost the queue") || !app.closed.Load() {
		t.Errorf("code %d, %q, closed %v", code, errs.text(), app.closed.Load())
	}
}

func TestHealthcheckSaysWhatIsNotReady(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	httpkit.Health(mux, map[string]func(context.Context) error{"database": func(context.Context) error { return errors.New("x") }})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- httpkit.Serve(ctx, ln, mux, slog.New(slog.DiscardHandler)) }()
	var errs output
	env := map[string]string{"TEST_URL": "x", "TEST_ADDR": ln.Addr().String()}
	if code := service(nil).main([]string{"healthcheck"}, env, io.Discard, &errs); code != 1 || !strings.Contains(errs.text(), `"database":"unavailable"`) {
		t.Errorf("code %d, %q", code, errs.text())
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
