//go:build integration

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// serveEnvironmentEnv is more for each process of the platform that is served:
// NAME=value, with spaces between.
const serveEnvironmentEnv = "E2E_SERVE_ENV"

// serveFilesEnv, if set, says that those processes that keep their data in
// MongoDB elsewhere keep it in SQLite files.
const serveFilesEnv = "E2E_SERVE_FILES"

// served says where the platform is that this binary runs for another program.
type served struct {
	Addresses map[service]string `json:"addresses"`
	// Processes are the ids of those of the platform: services and sidecars.
	Processes map[string]int `json:"processes"`
	// Databases are files or URLs.
	Databases map[service]string `json:"databases"`
	// Spare is an empty database beside those on PostgreSQL, if there is one.
	Spare    string `json:"spare,omitempty"`
	Sandbox  string `json:"sandbox"` // the payment provider's file
	Mail     string `json:"mail"`    // the folder
	Email    string `json:"admin_email"`
	Password string `json:"admin_password"`
	Error    string `json:"error,omitempty"`
}

// runServe runs a platform for the program at the other end of standard input
// and output, in dir. To each line there it answers with one here, a served:
// "start" starts the platform on the data that is there and waits until it is
// ready, "kill" kills it. The platform ends with the input. Unlike those that
// tests have, the databases are on disk.
func runServe(dir string) (code int) {
	h := &host{}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	defer h.end()
	defer func() {
		switch said := recover().(type) {
		case nil:
		case failure:
			answerServed(served{Error: string(said)})
			code = 1
		default:
			panic(said)
		}
	}()
	at, s := newServed(h, dir)
	p := &platform{system: s, client: newHTTPClient()}
	defer p.kill()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var err error
		switch in.Text() {
		case "start":
			if err = p.start(); err == nil {
				err = p.awaitReady()
			}
			if err != nil {
				err = fmt.Errorf("%w\n%s", err, p.lastWords())
			}
			at.Addresses, at.Processes = p.addresses, processIDs(s)
		case "kill":
			p.kill()
		default:
			err = fmt.Errorf("%q is neither start nor kill", in.Text())
		}
		if at.Error = ""; err != nil {
			at.Error = err.Error()
		}
		answerServed(at)
	}
	return 0
}

func answerServed(s served) {
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		panic(err)
	}
}

func newServed(h *host, dir string) (served, system) {
	env := strings.Fields(os.Getenv(serveEnvironmentEnv))
	at := served{
		Sandbox: filepath.Join(dir, "sandbox.db"), Mail: filepath.Join(dir, "mail"), Email: adminEmail, Password: adminPassword,
		Databases: map[service]string{},
	}
	name := os.Getenv(systemEnv)
	if name == "" || name == "standalone" {
		s := newStandalone(h, dir, options{})
		s.env = append(s.env, env...)
		for _, of := range services {
			at.Databases[of] = filepath.Join(dir, string(of)+".db")
		}
		return at, s
	}
	o := setup{databases: at.Databases, env: env, envOf: map[service][]string{}, sidecars: name == "dapr"}
	postgres, mongo := pgtest.NewServer(h), (*mongotest.Server)(nil)
	for _, of := range services {
		switch variable := databaseVariable(of); {
		case strings.HasSuffix(variable, "_POSTGRES_URL"):
			at.Databases[of] = postgres.New(h, nil)
		case os.Getenv(serveFilesEnv) != "":
			at.Databases[of] = filepath.Join(dir, string(of)+".db")
			o.envOf[of] = []string{"STORE=sqlite", strings.TrimSuffix(variable, "_MONGO_URL") + "_DB=" + at.Databases[of]}
		default:
			if mongo == nil {
				mongo = mongotest.NewServer(h)
			}
			at.Databases[of] = mongo.New(h)
		}
	}
	at.Spare = postgres.New(h, nil)
	return at, newProcesses(h, dir, o)
}

func processIDs(s system) map[string]int {
	ids := map[string]int{}
	switch s := s.(type) {
	case *oneProcess:
		ids["boxoffice"] = s.cmd.Process.Pid
	case *manyProcesses:
		for _, r := range s.all {
			ids[string(r.of)] = r.cmd.Process.Pid
			if r.sidecar != nil {
				ids["daprd of "+string(r.of)] = r.sidecar.cmd.Process.Pid
			}
		}
	}
	return ids
}

// host is who has a platform outside of any test.
type host struct {
	testing.TB // what is not here must not be called

	ctx      context.Context
	cancel   func()
	cleanups []func()
	failed   bool
}

type failure string

func (h *host) Helper()                      {}
func (h *host) Name() string                 { return "serve" }
func (h *host) Context() context.Context     { return h.ctx }
func (h *host) Cleanup(f func())             { h.cleanups = append(h.cleanups, f) }
func (h *host) Failed() bool                 { return h.failed }
func (h *host) Log(args ...any)              { fmt.Fprintln(os.Stderr, args...) }
func (h *host) Logf(f string, args ...any)   { h.Log(fmt.Sprintf(f, args...)) }
func (h *host) Error(args ...any)            { h.failed = true; h.Log(args...) }
func (h *host) Errorf(f string, args ...any) { h.Error(fmt.Sprintf(f, args...)) }
func (h *host) Fatalf(f string, args ...any) { h.Fatal(fmt.Sprintf(f, args...)) }
func (h *host) Fatal(args ...any) {
	h.failed = true
	panic(failure(fmt.Sprint(args...)))
}

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp(workDir, "")
	if err != nil {
		h.Fatal(err)
	}
	return dir
}

func (h *host) end() {
	h.cancel()
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
}
