package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is one line of the report.
type Result struct {
	What    string  `json:"what"`
	Way     string  `json:"way"`
	Clients int     `json:"clients,omitempty"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds,omitempty"`
	Rate    float64 `json:"per_second,omitempty"`

	// Milliseconds. The quantiles are of what succeeded.
	P50 float64 `json:"p50_ms,omitempty"`
	P95 float64 `json:"p95_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
	Max float64 `json:"max_ms,omitempty"`

	Codes    map[string]int `json:"codes,omitempty"`
	Oversold *int           `json:"oversold,omitempty"`
	Lost     *int           `json:"lost,omitempty"`

	// Ratios are of the rate to that of a limit, by the limit's name.
	Ratios map[string]float64 `json:"ratios,omitempty"`

	Usage []Usage `json:"usage,omitempty"`
	// PerThousand says that usage is worth telling for each thousand.
	PerThousand bool `json:"-"`

	Notes  []string `json:"notes,omitempty"`
	Faults []string `json:"faults,omitempty"` // what makes the run a failure
}

func (r *Result) rate() {
	if r.Seconds > 0 {
		r.Rate = float64(r.Count) / r.Seconds
	}
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Result) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// odd takes in answers that there should not be.
func (r *Result) odd(answers []string) {
	for _, a := range answers[:min(3, len(answers))] {
		r.fault("%.300s", a)
	}
	if len(answers) > 3 {
		r.fault("and %d more", len(answers)-3)
	}
}

// failed says whether there was an error, or something was sold twice or lost.
func (r *Result) failed() bool {
	return len(r.Faults) > 0 || r.Oversold != nil && *r.Oversold > 0 || r.Lost != nil && *r.Lost > 0
}

// Machine is where and when it was measured.
type Machine struct {
	Date      time.Time `json:"date"`
	Commit    string    `json:"commit"`
	Go        string    `json:"go"`
	System    string    `json:"system"`
	Cores     int       `json:"cores"`
	Processor string    `json:"processor,omitempty"`
	MemoryMB  int       `json:"memory_mb"`
	LoadStart string    `json:"load_at_start"` // the averages over 1, 5 and 15 minutes
	Busy      bool      `json:"busy"`          // others took more than a tenth of it just before
	Servers   string    `json:"servers,omitempty"`
}

// Report is all that was measured.
type Report struct {
	Machine Machine   `json:"machine"`
	Time    string    `json:"time_each"`
	Think   string    `json:"think_time"`
	Tickets int       `json:"tickets"`
	Results []*Result `json:"results"`

	// Sizes are those of Growth.
	Sizes  []Size    `json:"sizes,omitempty"`
	Growth []*Growth `json:"growth,omitempty"`
}

func (r *Report) add(results ...*Result) { r.Results = append(r.Results, results...) }

func (r *Report) failed() bool {
	return slices.ContainsFunc(r.Results, (*Result).failed)
}

// limits is the way of what is no platform.
const limits = "the limit"

// compare works out the ratios.
func (r *Report) compare() {
	find := func(way, prefix string, clients int) *Result {
		for _, x := range r.Results {
			if x.Way == way && strings.HasPrefix(x.What, prefix) && (clients == 0 || x.Clients == clients) {
				return x
			}
		}
		return nil
	}
	for _, x := range r.Results {
		if x.Rate == 0 {
			continue
		}
		ratio := func(name string, limit *Result) {
			if limit != nil && limit.Rate > 0 {
				if x.Ratios == nil {
					x.Ratios = map[string]float64{}
				}
				x.Ratios[name] = x.Rate / limit.Rate
			}
		}
		what, _, _ := strings.Cut(x.What, ",")
		switch {
		case x.Way == limits:
			if what == postgresLimitName && x.Clients == pgbenchClients {
				ratio("pgbench", find(limits, pgbenchName, pgbenchClients))
			}
		case x.What == "flash sale":
			database := map[bool]string{true: "SQL alone on SQLite", false: "SQL alone on PostgreSQL"}[x.Way == standalone]
			if limit := find(limits, database, x.Clients); limit != nil {
				ratio("SQL", limit)
			} else {
				ratio("SQL", find(limits, database, 0))
			}
			ratio("bare", find(limits, "bare POST", 0))
		case x.What == checkoutName:
			ratio("sales", find(x.Way, "flash sale", x.Clients))
		case x.What == "sold out":
			ratio("sales", find(x.Way, "flash sale", x.Clients))
			ratio("bare", find(limits, "bare POST", 0))
		case strings.HasPrefix(x.What, "GET "):
			for _, limit := range r.Results {
				if limit.What == "bare "+what {
					ratio("bare", limit)
				}
			}
		}
	}
}

// legend says what the figures include.
const legend = `
What the figures include. Everything goes over HTTP on loopback, but for what standalone's services ask each other; the buyers,
                 the services, and the databases share the machine.
flash sale       each buyer has a token and a connection, and buys one ticket after another of one event, each with a key of its own; who is
                 told to come again (503, 409 booking_in_progress) does so a second later. Counted are answers 201 within the time: the
                 booking, its payment in the sandbox and its message are committed and synced by then. Mails are written beside it.
                 Latencies are those of the 201s, as the buyer sees them, through the gateway.
oversold, lost   bookings, the sandbox's ledger and the event's availability, compared after the sale; lost is a booking that was answered
                 201 and is not confirmed, or has no mail although none is on its way.
checkout ...     the same with two requests for each ticket: one holds it, and one pays for it. Counted are those that are paid, and
                 latencies are those of both together. ×sales is the rate to that of the sale by as many buyers.
sold out         the same request, refused with 409 sold_out. ×sales is its rate to that of the sale by as many buyers.
GET ...          without a login; "not modified" is with If-None-Match, answered 304.
mail             from the answer, a moment after the COMMIT, until the mail is a file in the folder, synced.
                 It has the tickets, which booking draws, as QR codes and as PDF: in a rush few a second, and as many as can be after it,
                 which is the drain of mails with tickets.
drain            the outbox filled while nobody runs; until each consumer has said that it has stored the message.
SQL alone        the booking service's store: a booking in its two transactions, without anything around them. Neither the event
                 service's transactions nor the payment's are in it. ×SQL is the sale's rate to it.
pgbench          the least that could be written for a booking: its row and its key, committed; the row confirmed and the message, committed.
                 No limits, no locks, no audit log. ×pgbench is the rate of SQL alone to it, by as many clients.
MongoDB          what the stores of the event and the notification service take, on a server of which each answer takes 10 ms longer.
                 Confirmations are taken in as they come; bookings/s there is the rate until a mail and an SMS of each are recorded as sent.
bare             a handler that decodes and encodes the same JSON, in a process of its own. ×bare is the rate to it.
`

// marks are what is to be reached on an idle machine with two cores.
func (r *Report) marks() (lines []string) {
	for _, m := range []struct {
		way, what string
		clients   int
		ratio     string // "" for the rate
		least     float64
	}{
		{limits, postgresLimitName, pgbenchClients, "pgbench", 0.4},
		{processesFiles, "flash sale", 64, "", 500},
		{standalone, "flash sale", 64, "", 1200},
		{standalone, checkoutName, 64, "sales", 0.6},
		{limits, mongoBookingsName, 100, "", 300},
		{limits, mongoConfirmationsName, 32, "", 300},
	} {
		for _, x := range r.Results {
			if x.Way != m.way || !strings.HasPrefix(x.What, m.what) || x.Clients != m.clients {
				continue
			}
			got, unit := x.Rate, "/s"
			if m.ratio != "" {
				got, unit = x.Ratios[m.ratio], "×"+m.ratio
			}
			if got > 0 {
				lines = append(lines, fmt.Sprintf("%s, %s, %d clients: %s%s of %s%s%s", m.way, m.what, m.clients, number(got), unit, number(m.least), unit,
					map[bool]string{true: ": reached", false: ": NOT reached"}[got >= m.least]))
			}
		}
	}
	return lines
}

// table writes the table.
func (r *Report) table(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "Boxoffice, measured %s at %s: %d cores%s, %d MB, %s, %s\n",
		m.Date.UTC().Format("2006-01-02 15:04 UTC"), m.Commit, m.Cores, map[bool]string{true: " (" + m.Processor + ")"}[m.Processor != ""], m.MemoryMB, m.System, m.Go)
	if m.Servers != "" {
		fmt.Fprintf(w, "servers: %s\n", m.Servers)
	}
	fmt.Fprintf(w, "load at the start: %s%s; each sale %s at most, %d tickets, think time %s\n",
		m.LoadStart, map[bool]string{true: " — THE MACHINE WAS BUSY: the figures say little"}[m.Busy], r.Time, r.Tickets, r.Think)

	var ways []string
	for _, x := range r.Results {
		if !slices.Contains(ways, x.Way) && x.Way != limits {
			ways = append(ways, x.Way)
		}
	}
	if slices.ContainsFunc(r.Results, func(x *Result) bool { return x.Way == limits }) {
		ways = append(ways, limits)
	}
	for _, way := range ways {
		fmt.Fprintf(w, "\n%s\n", m.title(way))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "  clients\tn\tper s\tp50 ms\tp95\tp99\tmax\tratios\t  what")
		for _, x := range r.Results {
			if x.Way == way {
				fmt.Fprintf(t, "  %s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", some(x.Clients), x.Count, number(x.Rate),
					number(x.P50), number(x.P95), number(x.P99), number(x.Max), ratios(x.Ratios), x.summary())
			}
		}
		_ = t.Flush() // an error of w is one of what is written to it next
		r.printUsage(w, way)
	}
	if marks := r.marks(); len(marks) > 0 {
		fmt.Fprintf(w, "\nmarks, of an idle machine with two cores\n  %s\n", strings.Join(marks, "\n  "))
	}
	if len(r.Growth) > 0 {
		r.printGrowth(w)
	}
	if len(r.Results) > 0 {
		fmt.Fprint(w, legend)
	}
	for _, x := range r.Results {
		for _, fault := range x.Faults {
			fmt.Fprintf(w, "\nFAULT: %s, %s: %s", x.Way, x.What, fault)
		}
	}
	fmt.Fprintln(w)
}

var titles = map[string]string{
	standalone:     "standalone: one process, SQLite, messages in memory, mail to a folder",
	processes:      "processes: four processes on PostgreSQL and MongoDB, messages by HTTP, mail to a folder",
	dapr:           "dapr: four processes, each with its sidecar, on PostgreSQL, MongoDB and RabbitMQ, mail to a folder",
	processesFiles: "processes+sqlite: four processes, bookings and users on PostgreSQL, events and notifications in SQLite files instead of MongoDB",
	daprFiles:      "dapr+sqlite: these with sidecars and RabbitMQ",
	limits:         "the limit, in the same run",
}

// title names what stands in for MongoDB, where it is used.
func (m Machine) title(way string) string {
	if name, found := strings.CutPrefix(mongoStandIn.FindString(m.Servers), "mongo: "); found && !strings.HasSuffix(way, onFiles) {
		return strings.Replace(titles[way], "MongoDB", "MongoDB ("+name+": the figures are its)", 1)
	}
	return titles[way]
}

// printUsage writes what each process used, for each thousand where that is
// what was counted.
func (r *Report) printUsage(w io.Writer, way string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := false
	for _, x := range r.Results {
		if x.Way != way || !x.PerThousand || len(x.Usage) == 0 {
			continue
		}
		if !header {
			fmt.Fprintln(t, "\n  CPU s\tper 1,000\tpeak MB\t  of")
			header = true
		}
		fmt.Fprintf(t, "\t\t\t  %s\n", x.name())
		for _, u := range x.Usage {
			perThousand := 0.0
			if x.Count > 0 {
				perThousand = u.CPUSeconds / float64(x.Count) * 1000
			}
			fmt.Fprintf(t, "  %.2f\t%s\t%s\t    %s\n", u.CPUSeconds, number(perThousand), number(u.PeakMB), u.Process)
		}
	}
	_ = t.Flush()
}

// printGrowth writes how the medians grow with the data.
func (r *Report) printGrowth(w io.Writer) {
	fmt.Fprintln(w, "\nGrowth: medians in ms of one client alone, through the gateway, at so many bookings/events; the last is largest ÷ smallest.")
	fmt.Fprintln(w, "In MongoDB events and notifications are added; in the SQL databases all that comes of a booking.")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	way := ""
	for _, g := range r.Growth {
		if g.Way != way {
			way = g.Way
			fmt.Fprint(t, "  "+way)
			for _, s := range r.Sizes {
				fmt.Fprintf(t, "\t%s", s)
			}
			fmt.Fprintln(t, "\tratio\t")
		}
		fmt.Fprint(t, "  "+g.Operation)
		for _, m := range g.Medians {
			fmt.Fprintf(t, "\t%s", number(m))
		}
		fmt.Fprintf(t, "\t%.2f\t\n", g.Ratio)
	}
	_ = t.Flush()
}

func (r *Result) name() string {
	if r.Clients > 0 && r.What == "flash sale" {
		return fmt.Sprintf("%s, %d buyers", r.What, r.Clients)
	}
	return r.What
}

// summary is what there is to say beside the figures.
func (r *Result) summary() string {
	parts := []string{r.What}
	if len(r.Codes) > 1 {
		var codes []string
		for _, c := range slices.Sorted(maps.Keys(r.Codes)) {
			codes = append(codes, fmt.Sprintf("%s: %d", c, r.Codes[c]))
		}
		parts = append(parts, "answers "+strings.Join(codes, ", "))
	}
	if r.Oversold != nil {
		parts = append(parts, fmt.Sprintf("oversold = %d", *r.Oversold))
	}
	if r.Lost != nil {
		parts = append(parts, fmt.Sprintf("lost = %d", *r.Lost))
	}
	if len(r.Faults) > 0 {
		parts = append(parts, fmt.Sprintf("FAULTS: %d, see below", len(r.Faults)))
	}
	return strings.Join(append(parts, r.Notes...), "; ")
}

func ratios(all map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%s×%s", number(all[name]), name))
	}
	return strings.Join(parts, " ")
}

// number has three digits that mean something, and none for nothing.
func number(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// some is n, and nothing for none.
func some(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// write keeps the report for machines.
func (r *Report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}
