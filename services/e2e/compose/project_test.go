package compose_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
)

const (
	top     = "../../.."
	file    = top + "/docker-compose.yml"
	example = top + "/.env.example"
)

// services are the profile of this name: those that are built here.
var services = []string{"booking", "event", "notification", "user", "web"}

// load reads the file with the loader of docker compose and nothing of this
// process's environment.
func load(ctx context.Context, environment map[string]string) (*types.Project, error) {
	o, err := options(environment)
	if err != nil {
		return nil, err
	}
	return o.LoadProject(ctx)
}

func options(environment map[string]string, more ...cli.ProjectOptionsFn) (*cli.ProjectOptions, error) {
	var env []string
	for name, value := range environment {
		env = append(env, name+"="+value)
	}
	return cli.NewProjectOptions([]string{file}, append(more,
		cli.WithEnv(env), cli.WithProfiles([]string{"services"}))...)
}

// project is the file with what .env.example sets.
func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t.Context(), exampleEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// exampleEnv is what .env.example sets.
func exampleEnv(t *testing.T) map[string]string {
	t.Helper()
	env, err := dotenv.Read(example)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// servers are the services of the file that are no service of ours.
func servers(p *types.Project) types.Services {
	s := maps.Clone(p.Services)
	for _, name := range services {
		delete(s, name)
	}
	return s
}

func TestFileIsValid(t *testing.T) {
	t.Parallel()
	p := project(t)
	if got, want := slices.Sorted(maps.Keys(p.Services)),
		[]string{"booking", "event", "mailpit", "mongo", "notification", "postgres", "rabbitmq", "user", "web"}; !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	docker := exec.CommandContext(t.Context(), "docker", "compose", "--file", file, "--env-file", example, "--profile", "services", "config", "--quiet")
	docker.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DOCKER_CONFIG=" + os.Getenv("DOCKER_CONFIG")}
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() != nil {
		t.Log("docker compose is not here; its loader alone was asked")
	} else if out, err := docker.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("docker compose config: %v\n%s", err, out)
	}
}

func TestServicesStartOnlyWithTheirProfile(t *testing.T) {
	t.Parallel()
	p := project(t)
	for _, name := range services {
		if got := p.Services[name].Profiles; !slices.Equal(got, []string{"services"}) {
			t.Errorf("%s has the profiles %v", name, got)
		}
	}
	for name, s := range servers(p) {
		if len(s.Profiles) > 0 {
			t.Errorf("%s has the profiles %v, and would not start with `docker compose up`", name, s.Profiles)
		}
	}
}

// pinned is an image that stays the same: three numbers, or PostgreSQL's two.
var pinned = regexp.MustCompile(`^(postgres:\d+\.\d+|[a-z/]+:v?\d+\.\d+\.\d+)(-[a-z]+)*$`)

func TestImagesArePinned(t *testing.T) {
	t.Parallel()
	for _, loose := range []string{"mongo", "mongo:latest", "mongo:8", "mongo:8.0", "postgres:17-alpine", "axllent/mailpit:v1.31"} {
		if pinned.MatchString(loose) {
			t.Errorf("%s passes for pinned", loose)
		}
	}
	for name, s := range servers(project(t)) {
		if !pinned.MatchString(s.Image) {
			t.Errorf("%s: %q is not pinned to a full version", name, s.Image)
		}
	}
	for _, from := range instructions(t, "FROM") {
		if image, _, _ := strings.Cut(from, " "); image != "scratch" && !pinned.MatchString(image) {
			t.Errorf("Dockerfile: %q is not pinned to a full version", image)
		}
	}
}

// instructions are the arguments of the Dockerfile's instructions of this name.
func instructions(t *testing.T, name string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(top + "/services/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if arguments, ok := strings.CutPrefix(line, name+" "); ok {
			all = append(all, strings.TrimSpace(arguments))
		}
	}
	if len(all) == 0 {
		t.Fatalf("the Dockerfile has no %s", name)
	}
	return all
}

func TestEveryContainerHasAHealthCheck(t *testing.T) {
	t.Parallel()
	for name, s := range servers(project(t)) {
		if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 {
			t.Errorf("%s has no health check", name)
			continue
		}
		if h := s.HealthCheck; h.Interval == nil || h.Timeout == nil || h.Retries == nil {
			t.Errorf("%s: how often, how long and how many times is left to the engine", name)
		}
	}
	if got := instructions(t, "HEALTHCHECK"); !strings.HasSuffix(got[0], `CMD ["/service", "healthcheck"]`) {
		t.Errorf("the Dockerfile's health check is %s", got)
	}
}

func TestDataLiesInNamedVolumes(t *testing.T) {
	t.Parallel()
	p := project(t)
	// Where each image keeps its data, and declares a volume, or we tell it to.
	for name, dirs := range map[string][]string{
		"postgres": {"/var/lib/postgresql/data"}, "mongo": {"/data/db", "/data/configdb"},
		"rabbitmq": {"/var/lib/rabbitmq"}, "mailpit": {"/data"}, "booking": {"/data"},
	} {
		mounted := map[string]types.ServiceVolumeConfig{}
		for _, v := range p.Services[name].Volumes {
			mounted[v.Target] = v
		}
		for _, dir := range dirs {
			if v := mounted[dir]; v.Type != types.VolumeTypeVolume || p.Volumes[v.Source].Name == "" {
				t.Errorf("%s has no named volume at %s", name, dir)
			}
		}
	}
	used := map[string]string{}
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if other, twice := used[v.Source]; twice {
				t.Errorf("%s and %s share the volume %s", name, other, v.Source)
			}
			used[v.Source] = name
		}
	}
	if p.Services["mailpit"].Environment["MP_DATABASE"] == nil || filepath.Dir(*p.Services["mailpit"].Environment["MP_DATABASE"]) != "/data" {
		t.Error("mailpit does not keep its mails in its volume")
	}
	if p.Services["rabbitmq"].Hostname == "" {
		t.Error("rabbitmq has no host name of its own: a new container would not find the data of the old one")
	}
}

func TestPortsAreOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	published := map[string][]string{}
	for name, s := range project(t).Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is bound to %q", name, port.Published, port.HostIP)
			}
			published[name] = append(published[name], port.Published)
		}
		if s.NetworkMode != "" {
			t.Errorf("%s has the network mode %q", name, s.NetworkMode)
		}
	}
	want := map[string][]string{
		"postgres": {"5432"}, "mongo": {"27017"}, "rabbitmq": {"5672", "15672"}, "mailpit": {"1025", "8025"}, "user": {"8080"}, "web": {"8084"},
	}
	if !maps.EqualFunc(published, want, slices.Equal) {
		t.Errorf("published are %v, want %v", published, want)
	}
}

// A config is a file that the container's user, who is nobody we know, reads.
func TestConfigsAreReadable(t *testing.T) {
	t.Parallel()
	for name, s := range project(t).Services {
		for _, c := range s.Configs {
			if c.Mode == nil || *c.Mode != 0o444 {
				t.Errorf("%s: %s has the mode %v, want 0444", name, c.Source, c.Mode)
			}
		}
	}
}

func TestServicesWaitForTheirServers(t *testing.T) {
	t.Parallel()
	p := project(t)
	for name, want := range map[string][]string{
		"user": {"postgres"}, "booking": {"postgres"}, "event": {"mongo"}, "notification": {"mailpit", "mongo"}, "web": {"user"},
	} {
		on := p.Services[name].DependsOn
		if got := slices.Sorted(maps.Keys(on)); !slices.Equal(got, want) {
			t.Errorf("%s waits for %v, want %v", name, got, want)
		}
		for other, d := range on {
			if d.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s waits for %s to be %s", name, other, d.Condition)
			}
		}
	}
}

func TestServicesAreBuiltHere(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	p := project(t)
	for _, name := range services {
		s := p.Services[name]
		if s.Build == nil || s.Build.Context != root || s.Build.Dockerfile != "services/Dockerfile" ||
			s.Build.Args["SERVICE"] == nil || *s.Build.Args["SERVICE"] != name {
			t.Errorf("%s is built from %+v", name, s.Build)
		}
		if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
	}
	if user := instructions(t, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user[len(user)-1]) {
		t.Errorf("the Dockerfile's last user is %q, want numbers that are not root's", user[len(user)-1])
	}
}

// variables are those that the file reads.
func variables(t *testing.T) []string {
	t.Helper()
	o, err := options(nil, cli.WithInterpolation(false))
	if err != nil {
		t.Fatal(err)
	}
	model, err := o.LoadModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(template.ExtractVariables(model, nil)))
}

func TestEveryCredentialIsRequired(t *testing.T) {
	t.Parallel()
	all := exampleEnv(t)
	names := variables(t)
	for _, name := range []string{ // else the loop below would prove nothing
		"POSTGRES_PASSWORD", "USER_POSTGRES_PASSWORD", "BOOKING_POSTGRES_PASSWORD",
		"MONGO_PASSWORD", "EVENT_MONGO_PASSWORD", "NOTIFICATION_MONGO_PASSWORD",
		"RABBITMQ_USER", "RABBITMQ_PASSWORD", "SERVICE_KEYS", "USER_SERVICE_KEY", "EVENT_SERVICE_KEY", "BOOKING_SERVICE_KEY", "NOTIFICATION_SERVICE_KEY", "TICKET_KEY", "LINK_KEY", "WEB_SERVICE_KEY", "WEB_SESSION_KEY",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("the file does not read %s", name)
		}
	}
	for _, name := range names {
		for what, change := range map[string]func(map[string]string){
			"missing": func(env map[string]string) { delete(env, name) },
			"empty":   func(env map[string]string) { env[name] = "" },
		} {
			env := maps.Clone(all)
			change(env)
			_, err := load(t.Context(), env)
			if err == nil || !strings.Contains(err.Error(), "required variable "+name+" ") {
				t.Errorf("%s is %s, and loading says: %v", name, what, err)
			}
		}
	}
}
