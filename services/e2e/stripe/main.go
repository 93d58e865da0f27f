// Command stripe is a payment provider for trying things out and for tests that
// want one that is a process: it speaks the part of Stripe's API that is used, and
// misbehaves when told to. See services/booking/adapter/stripe/stripetest.
//
//	go run ./services/e2e/stripe -addr 127.0.0.1:12111 -webhook http://127.0.0.1:8080/payments/stripe/webhook -secret whsec_test
//	PAYMENTS=stripe STRIPE_API_URL=http://127.0.0.1:12111 STRIPE_SECRET_KEY=sk_test STRIPE_WEBHOOK_SECRET=whsec_test make run
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "stripe:", err)
		os.Exit(1)
	}
}

func run() error {
	var o stripetest.Options
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	flag.StringVar(&o.Key, "key", "", "the secret key to be shown; any, where it is empty")
	flag.StringVar(&o.WebhookURL, "webhook", "", "where events go; nowhere, where it is empty")
	flag.StringVar(&o.WebhookSecret, "secret", "", "what events are signed with")
	flag.DurationVar(&o.Slow, "slow", 0, "how long pm_slow takes")
	flag.DurationVar(&o.Late, "late", 0, "how long after it was cancelled pm_late_success is charged")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	provider := stripetest.New(o)
	server := &http.Server{Handler: provider, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() {
		provider.Close()
		_ = server.Close()
	})
	_, _ = fmt.Fprintln(os.Stdout, "http://"+l.Addr().String())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
