package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// PaymentsConfig says who takes the money.
type PaymentsConfig struct {
	// Payments is "sandbox", in the SQLite file SandboxPath, which all replicas
	// share, as they would share a real provider; or "stripe". Not set it is the
	// sandbox, where nobody but this machine can reach the service.
	Payments    string `env:"PAYMENTS"`
	SandboxPath string `env:"SANDBOX_DB"`
	// StripeSecretKey is the account's, and StripeWebhookSecret the webhook's:
	// several, by commas, while one takes the place of another. What is empty the
	// sidecar is asked for, if there is one.
	StripeSecretKey     string `env:"STRIPE_SECRET_KEY"`
	StripeWebhookSecret string `env:"STRIPE_WEBHOOK_SECRET"`
	// StripePublishableKey is what pages ask Stripe for tokens with.
	StripePublishableKey string `env:"STRIPE_PUBLISHABLE_KEY"`
	// StripeAPIURL is where Stripe is, if it is not the real one.
	StripeAPIURL string `env:"STRIPE_API_URL"`
	// WebURL is the web site, to whose page of the checkout customers come back who
	// authenticate elsewhere. Without it they come back to StripeReturnURL.
	WebURL          string `env:"WEB_URL"`
	StripeReturnURL string `env:"STRIPE_RETURN_URL"`
	// CheckoutTTL is how long tickets are held for a customer who has to act
	// before the money moves.
	CheckoutTTL time.Duration `env:"CHECKOUT_TTL" envDefault:"10m"`
}

// secretStore is the component that has Stripe's secrets, by their names without
// STRIPE_.
const secretStore = "payment-secrets"

// payments is the provider, whichever that is.
type payments struct {
	booking.Payments
	publishable string // the publishable key; "" if the provider has none
	statements  booking.Statements
	ledger      booking.Ledger   // nil where it keeps its books elsewhere
	webhook     *stripe.Webhook  // nil where it tells nothing
	sandbox     *sandbox.Sandbox // nil where it is another
	db          *storage.Opened  // the sandbox's; nil for other providers
}

// withProvider returns c with a provider. Nobody pays by the sandbox: where other
// machines can reach the service, it has to be asked for.
func (c PaymentsConfig) withProvider(ctx context.Context, public bool, log *slog.Logger) (PaymentsConfig, error) {
	switch {
	case c.Payments == "" && public:
		return c, errors.New("PAYMENTS is not set, and this platform is reachable from elsewhere: set stripe, or sandbox if nobody is to pay")
	case c.Payments == "":
		c.Payments = "sandbox"
	case c.Payments == "sandbox" && public:
		log.WarnContext(ctx, "PAYMENTS is sandbox, and this platform is reachable from elsewhere: bookings are confirmed without money")
	}
	return c, nil
}

// openPayments opens what cfg.Payments says.
func openPayments(ctx context.Context, cfg PaymentsConfig, way *sidecar.Way) (*payments, error) {
	if cfg.CheckoutTTL <= 0 {
		return nil, errors.New("CHECKOUT_TTL must be more than nothing")
	}
	switch cfg.Payments {
	case "sandbox":
		if cfg.SandboxPath == "" {
			return nil, errors.New("SANDBOX_DB is not set, and PAYMENTS is sandbox")
		}
		s, err := sandbox.Open(ctx, cfg.SandboxPath, sandbox.Options{})
		if err != nil {
			return nil, fmt.Errorf("SANDBOX_DB: %w", err)
		}
		return &payments{Payments: s, statements: s, ledger: s, sandbox: s, db: &storage.Opened{DB: s, Run: s.Run}}, nil
	case "stripe":
		return openStripe(ctx, cfg, way)
	}
	return nil, fmt.Errorf("PAYMENTS is %q, not sandbox or stripe", cfg.Payments)
}

func openStripe(ctx context.Context, cfg PaymentsConfig, way *sidecar.Way) (*payments, error) {
	for variable, value := range map[string]*string{
		"STRIPE_SECRET_KEY": &cfg.StripeSecretKey, "STRIPE_WEBHOOK_SECRET": &cfg.StripeWebhookSecret,
	} {
		if *value == "" && way.There() {
			var err error
			if *value, err = way.Secret(ctx, secretStore, strings.TrimPrefix(variable, "STRIPE_")); err != nil {
				return nil, fmt.Errorf("%s is not set, and: %w", variable, err)
			}
		}
		if *value == "" {
			return nil, fmt.Errorf("%s is not set, and PAYMENTS is stripe", variable)
		}
	}
	site, err := config.Site(cfg.WebURL)
	if err != nil {
		return nil, err
	}
	options := stripe.Options{Key: cfg.StripeSecretKey, URL: cfg.StripeAPIURL, ReturnURL: cfg.StripeReturnURL}
	if site != "" {
		options.ReturnURL = site + "/checkout/" + stripe.BookingID
	}
	s, err := stripe.New(options)
	if err != nil {
		return nil, fmt.Errorf("STRIPE_API_URL, STRIPE_RETURN_URL: %w", err)
	}
	secrets := strings.Split(cfg.StripeWebhookSecret, ",")
	for i := range secrets {
		secrets[i] = strings.TrimSpace(secrets[i])
	}
	webhook, err := stripe.NewWebhook(secrets...)
	if err != nil {
		return nil, fmt.Errorf("STRIPE_WEBHOOK_SECRET: %w", err)
	}
	// Whoever confuses the two keys would show the secret one to everybody.
	if k := cfg.StripePublishableKey; k != "" && !strings.HasPrefix(k, "pk_") {
		return nil, errors.New("STRIPE_PUBLISHABLE_KEY does not begin with pk_")
	}
	return &payments{Payments: s, publishable: cfg.StripePublishableKey, statements: s, webhook: webhook}, nil
}
