package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// root is the top of the repository.
var root string

// bench is how it is measured.
type bench struct {
	ctx context.Context

	suite    string // the binary of the tests
	out      string // the folder for what is kept
	work     string // the folder for the platforms' data
	ways     []string
	time     time.Duration // of each sale, at most
	think    time.Duration
	patience time.Duration // for mails, after a sale
	within   time.Duration
	began    time.Time
	tickets  int
	buyers   []int
	refusals int
	backlog  int
	rounds   int // of growth's workload
	huge     bool
	growing  bool
	keep     bool
	profile  bool
	sale     bool

	report Report
}

func main() {
	if os.Getenv(bareEnv) != "" {
		if err := serveBare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "compare" {
		os.Exit(runCompare(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

func run(ctx context.Context) int {
	b := &bench{ctx: ctx}
	var ways, buyers string
	flag.StringVar(&root, "root", ".", "the top of the repository")
	flag.StringVar(&b.suite, "suite", "", "the binary of the tests in services/e2e, which runs the platform")
	flag.StringVar(&b.out, "out", ".tools/bench", "the folder for bench.json, profiles and, meanwhile, data")
	flag.StringVar(&ways, "ways", "", "the ways to run the platform (default standalone,processes,dapr, and where something stands in for MongoDB processes+sqlite,dapr+sqlite)")
	flag.DurationVar(&b.within, "within", 9*time.Minute, "when nothing new is begun with any more")
	flag.StringVar(&buyers, "buyers", "64,256", "how many buyers each sale has")
	flag.DurationVar(&b.time, "time", 6*time.Second, "how long a sale lasts at most; the rest follows")
	flag.DurationVar(&b.think, "think", 0, "how long a buyer thinks between two purchases")
	flag.IntVar(&b.tickets, "tickets", 20_000, "tickets of a sale")
	flag.IntVar(&b.refusals, "refusals", 10_000, "requests for what is sold out")
	flag.IntVar(&b.backlog, "backlog", 0, "messages to drain (default 50,000, and 10,000 between processes)")
	flag.IntVar(&b.rounds, "rounds", 100, "how often each operation is measured at each size (with -growth)")
	flag.BoolVar(&b.keep, "keep", false, "keep the platforms' data and logs, in -out/data-…")
	flag.BoolVar(&b.growing, "growth", false, "measure growth instead")
	flag.BoolVar(&b.huge, "huge", false, "with -growth: a million bookings, too")
	flag.BoolVar(&b.profile, "profile", false, "take profiles of standalone during the last sale, and nothing else")
	flag.BoolVar(&b.sale, "sale", false, "measure the flash sales alone")
	flag.Parse()
	b.began = time.Now()
	if ways == "" {
		ways = defaultWays(b.growing)
	}
	b.ways = strings.Split(ways, ",")
	b.patience = 2 * b.time
	err := b.numbers(buyers)
	if err == nil {
		err = b.measure()
	}
	if len(b.report.Results)+len(b.report.Growth) > 0 {
		b.report.compare()
		b.report.table(os.Stdout)
		file := filepath.Join(b.out, map[bool]string{false: "bench.json", true: "bench-growth.json"}[b.growing])
		if writeErr := b.report.write(file); writeErr != nil {
			err = errors.Join(err, writeErr)
		} else {
			fmt.Println("The same for machines: " + file)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	if b.report.failed() {
		return 1
	}
	return 0
}

// defaultWays are the ways that say something here. What stands in for MongoDB
// may not: the one there is reads all documents wherever it looks for one.
func defaultWays(growing bool) string {
	standIn := mongoStandIn.MatchString(os.Getenv("TEST_SERVERS"))
	switch {
	case growing && standIn:
		return standalone + "," + processesFiles
	case growing:
		return standalone + "," + processes
	case standIn:
		return strings.Join([]string{standalone, processes, dapr, processesFiles, daprFiles}, ",")
	}
	return strings.Join([]string{standalone, processes, dapr}, ",")
}

var mongoStandIn = regexp.MustCompile(`mongo: [^;]* stand-in`)

func (b *bench) numbers(buyers string) error {
	for text := range strings.SplitSeq(buyers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 2000 {
			return fmt.Errorf("-buyers: %q is no number of buyers from 1 to 2000", text)
		}
		b.buyers = append(b.buyers, n)
	}
	for _, way := range b.ways {
		if titles[way] == "" || way == limits {
			return fmt.Errorf("-ways: there is no %q", way)
		}
	}
	for _, path := range []*string{&root, &b.suite, &b.out} {
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}

// say tells how far it is.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

func (b *bench) measure() (err error) {
	if b.report.Machine, err = thisMachine(b.ctx); err != nil {
		return err
	}
	b.report.Time, b.report.Think, b.report.Tickets = b.time.String(), b.think.String(), b.tickets
	if err := os.MkdirAll(b.out, 0o700); err != nil {
		return err
	}
	// On the disk that the clone is on: a commit there is a commit.
	if b.work, err = os.MkdirTemp(b.out, "data-"); err != nil {
		return err
	}
	if !b.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	}
	if b.profile {
		return b.profiled()
	}
	for _, way := range b.ways {
		if !b.growing && time.Since(b.began) > b.within-2*time.Minute {
			late := &Result{What: "not measured", Way: way}
			late.note("the time was over: -within=%s", b.within)
			b.report.add(late)
			continue
		}
		b.say("%s", way)
		measure := b.way
		if b.growing {
			measure = b.grown
		}
		if err := b.with(way, nil, measure); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	if b.growing || b.sale {
		return nil
	}
	if slices.ContainsFunc(b.ways, func(way string) bool { return way != standalone }) {
		b.say("the adapters for MongoDB")
		all, err := b.limitMongo()
		if err != nil {
			return err
		}
		b.report.add(all...)
	}
	b.say("the bare handler")
	bare, err := b.limitBare(slices.Min(b.buyers))
	b.report.add(bare...)
	return err
}

// with does something with a platform, which ends after it.
func (b *bench) with(way string, env []string, do func(p *platform) error) (err error) {
	p, err := openPlatform(b.ctx, b.suite, way, filepath.Join(b.work, way), env...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return do(p)
}

func (b *bench) grown(p *platform) error {
	b.report.Sizes = sizes(b.huge)
	found, err := b.growth(p, b.report.Sizes)
	b.report.Growth = append(b.report.Growth, found...)
	return err
}

// profiled takes profiles of a sale.
func (b *bench) profiled() error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	dir := filepath.Join(b.out, "profile")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	profiles := &profiler{addr, dir}
	return b.with(standalone, []string{"E2E_SERVE_ENV=PPROF_ADDR=" + addr}, func(p *platform) error {
		organizers, err := p.crowd(1, "organizer")
		if err != nil {
			return err
		}
		buyers, err := p.crowd(b.buyers[0], "customer")
		if err != nil {
			return err
		}
		taken := profiles.during(b.time)
		_, r, err := b.flashSale(p, organizers[0], buyers)
		if err := errors.Join(err, <-taken); err != nil {
			return err
		}
		r.note("with profiles, which cost something, in %s", dir)
		b.report.add(r)
		return nil
	})
}

// way measures one way to run the platform.
func (b *bench) way(p *platform) error {
	organizers, err := p.crowd(1, "organizer")
	if err != nil {
		return err
	}
	organizer := organizers[0]
	began := time.Now()
	buyers, err := p.crowd(slices.Max(b.buyers), "customer")
	if err != nil {
		return err
	}
	b.say("%d buyers are registered, in %s", len(buyers), time.Since(began).Round(time.Second))
	mails := newMailbox(p)
	sold := map[string]time.Time{}
	for _, n := range b.buyers {
		s, r, err := b.flashSale(p, organizer, buyers[:n])
		if err != nil {
			return err
		}
		b.report.add(r)
		if err := s.check(b.ctx, p, b.patience, r); err != nil {
			return err
		}
		b.say("flash sale, %d buyers: %.0f/s", n, r.Rate)
		if b.sale {
			continue
		}
		delay := &Result{What: fmt.Sprintf("mail after booking, in the sale to %d", n), Way: p.way, Clients: n}
		b.report.add(delay)
		if err := b.mailed(p, mails, s.sold, delay); err != nil {
			return err
		}
		maps.Copy(sold, s.sold)
	}
	if b.sale {
		return nil
	}
	printed, err := b.printed(p, mails, sold)
	if err != nil {
		return err
	}
	b.report.add(printed)
	b.say("mails with tickets: %.0f/s", printed.Rate)
	few := buyers[:min(64, len(buyers))]
	s, r, err := b.checkoutSale(p, organizer, few)
	if err != nil {
		return err
	}
	b.report.add(r)
	if err := s.check(b.ctx, p, b.patience, r); err != nil {
		return err
	}
	maps.Copy(sold, s.sold)
	b.say("%s: %.0f/s", r.What, r.Rate)
	r, err = b.soldOut(p, organizer, few)
	if err != nil {
		return err
	}
	b.report.add(r)
	b.say("sold out: %.0f/s", r.Rate)
	if !strings.HasPrefix(p.way, dapr) { // visitors meet no sidecar but by the gateway
		reads, err := b.browse(p, organizer, few)
		if err != nil {
			return err
		}
		b.report.add(reads...)
		b.say("browsed")
	}
	if r, err = b.paced(p, organizer, few, mails); err != nil {
		return err
	}
	b.report.add(r)
	if r, err = b.lost(p, mails, sold); err != nil {
		return err
	}
	b.report.add(r)
	b.say("mails: %d of %d", r.Count, len(sold))
	if err := b.limitsOf(p); err != nil {
		return err
	}
	n := b.backlog
	if n == 0 {
		n = map[bool]int{true: 50_000, false: 10_000}[p.way == standalone]
	}
	if r, err = b.drain(p, mails, n); err != nil {
		return err
	}
	b.report.add(r)
	b.say("drained: %.0f/s", r.Rate)
	return nil
}

// limitsOf measures the database's limit beside a platform that has nothing to
// do.
func (b *bench) limitsOf(p *platform) error {
	for _, r := range b.report.Results {
		if p.way != standalone && strings.HasPrefix(r.What, postgresLimitName) {
			return nil // of the same kind of server
		}
	}
	short := *b
	short.time = b.time / 3
	if p.way != standalone {
		all, err := short.limitPostgres(p.at.Spare, append([]int{pgbenchClients}, b.buyers...)...)
		if err != nil {
			return err
		}
		b.report.add(all...)
		for _, r := range all {
			b.say("%s: %.0f/s", r.What, r.Rate)
		}
		return nil
	}
	for _, n := range b.buyers {
		r, err := short.limitSQLite(filepath.Join(b.work, p.way), n)
		if err != nil {
			return err
		}
		b.report.add(r)
		b.say("%s: %.0f/s", r.What, r.Rate)
	}
	return nil
}
