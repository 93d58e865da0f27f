package app

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// Reconcile reconciles the last cfg.ReconcileDays, beside the service that runs
// or without it, and prints the report to out. Its error says how many findings
// somebody has to look at.
func Reconcile(ctx context.Context, cfg Config, deps Deps, out io.Writer) (err error) {
	a, err := New(ctx, cfg, deps)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := a.Close(); err == nil {
			err = closeErr
		}
	}()
	r, err := a.service.Reconcile(ctx, "booking reconcile", time.Now().AddDate(0, 0, -cfg.ReconcileDays))
	if err != nil {
		return err
	}
	open := printReport(out, r)
	if open > 0 {
		return fmt.Errorf("%d findings are for somebody to look at", open)
	}
	return nil
}

// printReport returns how many findings were not repaired.
func printReport(out io.Writer, r booking.Report) (open int) {
	_, _ = fmt.Fprintf(out, "Bookings made since %s: %d. Looked at %d charges, %d reservations, %d messages.\n",
		r.Since.Format(time.DateOnly), r.Checked.Bookings, r.Checked.Charges, r.Checked.Holdings, r.Checked.Messages)
	if len(r.Findings) == 0 {
		_, _ = fmt.Fprintln(out, "Everything agrees.")
		return 0
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nWHAT\tREPAIRED\tBOOKING\tDETAIL")
	for _, f := range r.Findings {
		repaired := "yes"
		if !f.Repaired {
			repaired = "no"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Kind, repaired, f.BookingID, f.Detail)
	}
	_ = w.Flush() // out is the process's own
	if left := r.LeftOut(); left > 0 {
		_, _ = fmt.Fprintf(out, "\n%d more are left out; the log has each.\n", left)
	}
	return r.Total().Open
}
