package compose_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caarlos0/env/v11"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/google/go-cmp/cmp"

	bookingapp "github.com/openboxoffice/boxoffice/services/booking/app"
	booking "github.com/openboxoffice/boxoffice/services/booking/app/stores"
	eventapp "github.com/openboxoffice/boxoffice/services/event/app"
	event "github.com/openboxoffice/boxoffice/services/event/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	notificationapp "github.com/openboxoffice/boxoffice/services/notification/app"
	notification "github.com/openboxoffice/boxoffice/services/notification/app/stores"
	userapp "github.com/openboxoffice/boxoffice/services/user/app"
	user "github.com/openboxoffice/boxoffice/services/user/app/stores"
	webapp "github.com/openboxoffice/boxoffice/services/web/app"
)

// configs are the structs of the services' variables.
var configs = map[string]any{
	"user": &user.Config{}, "event": &event.Config{}, "booking": &booking.Config{}, "notification": &notification.Config{}, "web": &webapp.Config{},
}

// reads are the variables of one service, with their defaults.
func reads(t *testing.T, service string) map[string]env.FieldParams {
	t.Helper()
	params, err := env.GetFieldParams(configs[service])
	if err != nil {
		t.Fatal(err)
	}
	// Those of services/internal/process, which every service has.
	all := map[string]env.FieldParams{
		"START_TIMEOUT": {DefaultValue: "60s", HasDefaultValue: true},
		"LOG_FILE":      {},
	}
	for _, p := range params {
		if p.Key != "" {
			all[p.Key] = p
		}
	}
	return all
}

// optional are the assignments of .env.example that are commented out.
func optional(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range regexp.MustCompile(`(?m)^#([A-Z][A-Z0-9_]*=.*)$`).FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, m[1])
	}
	all, err := dotenv.Parse(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil || len(all) != len(lines) {
		t.Fatalf("%d assignments of %d lines, %v", len(all), len(lines), err)
	}
	return all
}

// sidecars are what daprd reads, by itself and for components/; byDapr is what
// it, or what runs it, tells a service, which nobody sets.
var (
	sidecars = []string{"APP_API_TOKEN", "DAPR_API_TOKEN", "RABBITMQ_URL"}
	byDapr   = "DAPR_HTTP_PORT"
)

// neighbours are where the services find each other without sidecars.
var neighbours = []string{"USER_URL", "EVENT_URL", "BOOKING_URL", "NOTIFICATION_URL", "JWKS_URL"}

func TestExampleIsComplete(t *testing.T) {
	t.Parallel()
	read := map[string][]string{}
	for _, name := range variables(t) {
		read[name] = append(read[name], "docker-compose.yml")
	}
	for service := range configs {
		for name := range reads(t, service) {
			read[name] = append(read[name], service)
		}
	}
	for _, name := range sidecars {
		read[name] = append(read[name], "the sidecars")
	}
	set, commented := exampleEnv(t), optional(t)
	if len(read[byDapr]) != len(configs) {
		t.Errorf("%s is read by %v", byDapr, read[byDapr])
	}
	delete(read, byDapr)
	for name, by := range read {
		_, a := set[name]
		_, b := commented[name]
		if a == b {
			t.Errorf("%s, which %v read, is in .env.example: set %t, commented out %t", name, by, a, b)
		}
	}
	for name := range merged(set, commented) {
		if read[name] == nil {
			t.Errorf("%s is in .env.example, and nothing reads it", name)
		}
	}
}

func TestExampleTellsTheDefaults(t *testing.T) {
	t.Parallel()
	commented := optional(t)
	for service := range configs {
		for name, p := range reads(t, service) {
			value, ok := commented[name]
			if ok && p.Required {
				t.Errorf("%s is commented out, and %s requires it", name, service)
			}
			if ok && p.HasDefaultValue && name != "STORE" && value != p.DefaultValue {
				t.Errorf("%s=%s is not the default of %s, %q", name, value, service, p.DefaultValue)
			}
		}
	}
}

// Docker Compose and a shell read .env, and must read the same.
func TestExampleIsForTheShellToo(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", "set -a; . "+example+"; set +a; exec env")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shell := env.ToMap(strings.Split(strings.TrimSpace(string(out)), "\n"))
	maps.DeleteFunc(shell, func(name, _ string) bool {
		return name == "PATH" || name == "PWD" || name == "_" || name == "OLDPWD" || name == "SHLVL"
	})
	if diff := cmp.Diff(exampleEnv(t), shell); diff != "" {
		t.Errorf("compose and shell differ (-compose +shell):\n%s", diff)
	}
}

func TestExampleSetsWhatEachServiceNeeds(t *testing.T) {
	t.Parallel()
	for service := range configs {
		checkComplete(t, service, exampleEnv(t))
	}
}

// databaseOf names the variables with the URLs of the services' databases. Web has none.
var databaseOf = map[string]string{
	"user": "USER_POSTGRES_URL", "booking": "BOOKING_POSTGRES_URL",
	"event": "EVENT_MONGO_URL", "notification": "NOTIFICATION_MONGO_URL",
}

// checkComplete checks that an environment has what a service requires.
func checkComplete(t *testing.T, service string, environment map[string]string) {
	t.Helper()
	database := databaseOf[service]
	all := reads(t, service)
	if _, ok := all[database]; !ok && database != "" {
		t.Errorf("%s does not read %s", service, database)
	}
	for name, p := range all {
		if (p.Required || p.NotEmpty || name == database || slices.Contains(neighbours, name)) && environment[name] == "" {
			t.Errorf("%s requires %s, which is not set", service, name)
		}
	}
}

func TestExampleIsNotForProduction(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, value := range exampleEnv(t) {
		if !secret(name) {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(value)
		if !strings.HasPrefix(value, "insecure-") && (err != nil || !bytes.Contains(key, []byte("insecure-"))) {
			t.Errorf("%s does not look like a secret that everybody knows", name)
		}
		if other, twice := seen[value]; twice {
			t.Errorf("%s and %s are the same", name, other)
		}
		seen[value] = name
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", top, "check-ignore", ".env").CombinedOutput(); err != nil {
		t.Errorf("git does not ignore .env: %v %s", err, out)
	}
}

func TestTheExamplesKeysFit(t *testing.T) {
	t.Parallel()
	checkKeys(t, exampleEnv(t))
}

// With the example's keys and tokens no service starts where others can reach it.
func TestTheExamplesKeysAreForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for service, open := range map[string]func(environment map[string]string) error{
		"user": func(e map[string]string) error {
			c := parsed[user.Config](t, e)
			_, err := userapp.New(t.Context(), c.Config, userapp.Deps{Log: quiet, OpenDatabase: c.Open})
			return err
		},
		"event": func(e map[string]string) error {
			c := parsed[event.Config](t, e)
			_, err := eventapp.New(t.Context(), c.Config, eventapp.Deps{Log: quiet, OpenDatabase: c.Open})
			return err
		},
		"booking": func(e map[string]string) error {
			c := parsed[booking.Config](t, e)
			_, err := bookingapp.New(t.Context(), c.Config, bookingapp.Deps{Log: quiet, OpenDatabase: c.Open})
			return err
		},
		"notification": func(e map[string]string) error {
			c := parsed[notification.Config](t, e)
			_, err := notificationapp.New(t.Context(), c.Config, notificationapp.Deps{Log: quiet, OpenDatabase: c.Open})
			return err
		},
	} {
		environment := exampleEnv(t)
		environment["STORE"] = "none" // so that each start fails, later than for its keys
		name := strings.ToUpper(service) + "_ADDR"
		environment["TRUSTED_PROXIES"] = "somewhere"
		if err := open(environment); err == nil || !strings.Contains(err.Error(), `TRUSTED_PROXIES: "somewhere"`) {
			t.Errorf("%s with TRUSTED_PROXIES=somewhere: error %v", service, err)
		}
		delete(environment, "TRUSTED_PROXIES")
		none, known := "0", environment["DAPR_API_TOKEN"]
		for _, c := range []struct{ addr, published, proxies, sidecar, apiToken, want string }{
			{"0.0.0.0:1", "false", "", none, known, "SERVICE_KEYS"},
			{"0.0.0.0:1", "true", "", none, known, "STORE"},
			{"127.0.0.1:1", "false", "", none, known, "STORE"},
			{"127.0.0.1:1", "false", "127.0.0.1", none, known, "SERVICE_KEYS"},
			{"0.0.0.0:1", "true", "10.0.0.0/8", none, known, "SERVICE_KEYS"},
			{"127.0.0.1:1", "false", "", "3500", known, "SERVICE_KEYS"},
			{"127.0.0.1:1", "false", "", "3500", known, "DAPR_API_TOKEN"},
			{"127.0.0.1:1", "false", "", "3500", "mine", "APP_API_TOKEN"},
			{"127.0.0.1:1", "true", "", "3500", known, "STORE"},
		} {
			environment[name], environment["PUBLISHED_LOCALLY"], environment["TRUSTED_PROXIES"] = c.addr, c.published, c.proxies
			environment["DAPR_HTTP_PORT"], environment["DAPR_API_TOKEN"] = c.sidecar, c.apiToken
			if err := open(environment); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s with %+v: error %v, want one about %s", service, c, err, c.want)
			}
		}
		// With all that, but for its password, the database is refused as well.
		keys := authtest.New(t)
		environment[strings.ToUpper(service)+"_SERVICE_KEY"], environment["SERVICE_KEYS"] = keys.Private(service), strings.Join(keys.Public, ",")
		environment["TICKET_KEY"], environment["LINK_KEY"] = config.NewSecret(), config.NewSecret()
		environment["PAYMENTS"], environment["SMS_URL"], environment["MAIL_FROM"] = "sandbox", "none", "tickets@boxoffice.test"
		environment[name], environment["PUBLISHED_LOCALLY"], environment["DAPR_HTTP_PORT"] = "0.0.0.0:1", "false", none
		environment["SANDBOX_DB"] = filepath.Join(t.TempDir(), "sandbox.db")
		delete(environment, "STORE")
		want := "the password in " + databaseOf[service] + " is that of .env.example"
		if err := open(environment); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", service, err, want)
		}
	}
}

var quiet = slog.New(slog.DiscardHandler)

func parsed[T any](t *testing.T, environment map[string]string) T {
	t.Helper()
	c, err := config.Parse[T](environment)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What the README says makes keys that services start with.
func TestTheReadmesKeysFit(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(top + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)<!-- service keys -->\n```sh\n(.*?)```").FindSubmatch(readme)
	if script == nil {
		t.Fatal("the README does not say how to make service keys")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", string(script[1]))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	checkKeys(t, env.ToMap(strings.Split(strings.TrimSpace(string(out)), "\n")))
}

// checkKeys checks that each service can start with its key, and that the others
// know it by the list.
func checkKeys(t *testing.T, environment map[string]string) {
	t.Helper()
	list := strings.Split(environment["SERVICE_KEYS"], ",")
	for _, service := range []string{"user", "event", "booking", "notification", "web"} {
		if _, _, err := auth.OpenServiceKeys(service, environment[strings.ToUpper(service)+"_SERVICE_KEY"], list); err != nil {
			t.Error(err)
		}
	}
}

func secret(name string) bool {
	return strings.HasSuffix(name, "_PASSWORD") || strings.HasSuffix(name, "_TOKEN") || strings.HasSuffix(name, "_KEY")
}

// In containers a service gets what it reads, all that it requires, and no
// secret of another's.
func TestContainersGetTheirOwnVariablesAlone(t *testing.T) {
	t.Parallel()
	all := merged(optional(t), exampleEnv(t))
	p, err := load(t.Context(), all) // so that what is passed on is there to be seen
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range services {
		given := map[string]string{}
		for name, value := range p.Services[service].Environment {
			if value == nil {
				t.Errorf("%s: %s is passed on, and .env.example does not know it", service, name)
				continue
			}
			given[name] = *value
		}
		read := reads(t, service)
		for name := range given {
			if _, ok := read[name]; !ok {
				t.Errorf("%s gets %s, which it does not read", service, name)
			}
		}
		checkComplete(t, service, given)
		for name, value := range all {
			_, own := read[name]
			if !secret(name) || value == "" || own || strings.HasPrefix(name, strings.ToUpper(service)+"_") {
				continue
			}
			for variable, text := range given {
				if strings.Contains(text, value) {
					t.Errorf("%s gets %s, in %s", service, name, variable)
				}
			}
		}
		// What .env says for processes on this machine means others in a container.
		for name, text := range given {
			if strings.Contains(text, "127.0.0.1") {
				t.Errorf("%s: %s=%s is the container itself", service, name, text)
			}
		}
	}
}

// The addresses under which containers find each other are those of services of
// the file, at the port where the Dockerfile lets them listen.
func TestContainersFindEachOther(t *testing.T) {
	t.Parallel()
	addrs := map[string]string{}
	for _, assignment := range instructions(t, "ENV") {
		name, value, _ := strings.Cut(assignment, "=")
		addrs[name] = value
	}
	p := project(t)
	ports := map[string]string{"postgres": "5432", "mongo": "27017", "mailpit": "1025"}
	for _, service := range services {
		name := strings.ToUpper(service) + "_ADDR"
		port, ok := strings.CutPrefix(addrs[name], "0.0.0.0:")
		if !ok {
			t.Errorf("in a container %s is %q, where nobody reaches it", name, addrs[name])
		}
		if def := reads(t, service)[name].DefaultValue; def != "127.0.0.1:"+port {
			t.Errorf("in a container %s has the port %s, elsewhere %s", service, port, def)
		}
		ports[service] = port
	}
	at := regexp.MustCompile(`^[a-z]+://(?:[^@/]*@)?([a-z]+):(\d+)`)
	for _, service := range services {
		for name, value := range p.Services[service].Environment {
			if value == nil || !strings.HasSuffix(name, "_URL") || name == "WEB_URL" { // which is for visitors
				continue
			}
			if m := at.FindStringSubmatch(*value); m == nil || ports[m[1]] != m[2] {
				t.Errorf("%s: %s=%s leads nowhere", service, name, *value)
			}
		}
	}
}

func merged(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// What a service is in containers, it is on this machine: the same variables
// are set, but for those that the image sets, and those of sidecars.
func TestContainersAndExampleSetTheSame(t *testing.T) {
	t.Parallel()
	p := project(t)
	set := exampleEnv(t)
	for _, service := range services {
		var missing []string
		for name := range reads(t, service) {
			if _, ok := set[name]; ok && p.Services[service].Environment[name] == nil && !slices.Contains(sidecars, name) {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			t.Errorf("%s reads %v, which .env.example sets and docker-compose.yml does not", service, missing)
		}
	}
}
