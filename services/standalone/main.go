package standalone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/profile"
)

const usage = `usage: boxoffice         run the platform in this process
       boxoffice seed    add sample events to the platform at USER_URL
                         (default http://127.0.0.1:8080), as the organizer
                         ORGANIZER_EMAIL with ORGANIZER_PASSWORD; on this
                         machine the sample organizer will do
       boxoffice backup DIR
                         copy the data in DATA_DIR to the new folder DIR, also
                         while the platform runs
       boxoffice restore DIR
                         create DATA_DIR from the backup in DIR

Configuration is by environment variables; see the README.
`

// Main is the command. It returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(args) == 0:
		// A second signal ends the process at once: everything is durable.
		context.AfterFunc(ctx, stop)
		err = run(ctx, stdout)
	case len(args) == 1 && args[0] == "seed":
		err = seed(ctx, stdout)
	case len(args) == 2 && args[0] == "backup":
		err = withConfig(func(cfg Config) error { return Backup(ctx, cfg, args[1], stdout) })
	case len(args) == 2 && args[0] == "restore":
		err = withConfig(func(cfg Config) error { return Restore(ctx, cfg, args[1], stdout) })
	default:
		_, _ = io.WriteString(stderr, usage)
		return 2
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "boxoffice:", err)
		return 1
	}
	return 0
}

func withConfig(do func(Config) error) error {
	cfg, err := FromEnv()
	if err != nil {
		return err
	}
	return do(cfg)
}

func run(ctx context.Context, stdout io.Writer) error {
	cfg, err := FromEnv()
	if err != nil {
		return err
	}
	// A goroutine that syncs a file keeps its processor (a "P" of Go's scheduler)
	// until the scheduler notices, which takes as long as the sync: with one for
	// each core, cores idle while others could run.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
	return Run(ctx, cfg, stdout)
}

// Run runs the platform until ctx ends, and tells on stdout where it is.
func Run(ctx context.Context, cfg Config, stdout io.Writer) error {
	stopProfile, err := profile.Start(ctx, cfg.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	p, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx) }()
	if err := errors.Join(p.seedOnce(ctx), p.writeAddresses()); err != nil && ctx.Err() == nil {
		cancel()
		return errors.Join(err, <-ran)
	}
	if ctx.Err() == nil {
		p.greet(stdout)
	}
	err = <-ran
	if err == nil {
		_, _ = fmt.Fprintln(stdout, "\nStopped. Everything is kept in "+cfg.DataDir+".")
	}
	return err
}

func seed(ctx context.Context, stdout io.Writer) error {
	base := os.Getenv("USER_URL")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return fmt.Errorf("USER_URL: %q is not the URL of a gateway", base)
	}
	organizer := Login{Email: os.Getenv("ORGANIZER_EMAIL"), Password: os.Getenv("ORGANIZER_PASSWORD")}
	switch {
	case organizer.Email != "":
	case config.LoopbackHost(u.Hostname()):
		organizer = SampleOrganizer
	default:
		return errors.New("ORGANIZER_EMAIL and ORGANIZER_PASSWORD are needed: sample logins, whose passwords are public, are made on this machine alone")
	}
	added, err := Seed(ctx, base, organizer)
	if err != nil {
		return fmt.Errorf("seed %s: %w", base, err)
	}
	_, _ = fmt.Fprintf(stdout, "Added %d sample events at %s/events (those already there stay as they are).\n", added, base)
	return nil
}

// writeAddresses tells scripts where the services listen.
func (p *Platform) writeAddresses() error {
	addresses := map[string]any{"pid": os.Getpid()}
	for _, m := range p.members() {
		addresses[m.name] = m.url()
	}
	b, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.cfg.DataDir, "addresses.json"), append(b, '\n'), 0o600)
}

// greet prints what a newcomer wants to know next.
func (p *Platform) greet(w io.Writer) {
	out := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	out("Boxoffice is ready.\n")
	out("  shop                %s", p.web.url())
	out("  gateway and users   %s   (API: %s/docs)", p.user.url(), p.user.url())
	out("  events              %s", p.event.url())
	out("  bookings            %s", p.booking.url())
	out("  notifications       %s", p.notification.url())
	out("  data, mail, logs    %s", p.cfg.DataDir)
	if !p.cfg.private() {
		out("\nOther machines may reach it, by its addresses or through TRUSTED_PROXIES: it makes no sample logins. Register with POST /users.")
		return
	}
	if p.cfg.SampleData {
		out("\nSample logins:")
		logins := []Login{SampleOrganizer, SampleCustomer}
		if p.sampleAdmin() {
			logins = append(logins, SampleAdmin)
		}
		for _, l := range logins {
			out("  %-10s %-24s %s", l.Role, l.Email, l.Password)
		}
		day := time.Now().AddDate(0, 0, 7).UTC().Format("2006-01-02")
		out("\nTry:")
		out("  curl -s '%s/events?limit=3'", p.user.url())
		out("  curl -s '%s/events?city=Berlin&from=%sT00:00:00Z'", p.user.url(), day)
		out("  curl -s -d grant_type=password -d username=%s -d password=%s %s/token", SampleCustomer.Email, SampleCustomer.Password, p.user.url())
	}
	out("\nCtrl-C stops it; everything is kept.")
}
