package standalone

import (
	"maps"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/profile"
)

// Config is the environment of the platform in one process. Every variable has
// a default that works while nobody but this machine can reach the services.
type Config struct {
	// DataDir holds everything that is kept: a SQLite file for each service,
	// secrets.json, mail/, logs/.
	DataDir string `env:"DATA_DIR" envDefault:"./data"`

	// The services' addresses. Port 0 takes any that is free.
	WebAddr          string `env:"WEB_ADDR" envDefault:"127.0.0.1:8084"`
	UserAddr         string `env:"USER_ADDR" envDefault:"127.0.0.1:8080"`
	EventAddr        string `env:"EVENT_ADDR" envDefault:"127.0.0.1:8081"`
	BookingAddr      string `env:"BOOKING_ADDR" envDefault:"127.0.0.1:8082"`
	NotificationAddr string `env:"NOTIFICATION_ADDR" envDefault:"127.0.0.1:8083"`

	// TrustedProxies are the proxies in front, behind which others reach the
	// services.
	TrustedProxies string `env:"TRUSTED_PROXIES"`

	// AdminEmail and AdminPassword make an admin at the first start. Without
	// them there is a sample one while nobody but this machine can reach the
	// services, else none.
	AdminEmail    string `env:"ADMIN_EMAIL"`
	AdminPassword string `env:"ADMIN_PASSWORD"`

	// SampleData adds sample events and logins at the first start, while nobody
	// but this machine can reach the services.
	SampleData bool `env:"SAMPLE_DATA" envDefault:"true"`

	// Profile says where the process can be profiled, if anywhere.
	Profile profile.Config

	// Inventory is set by the control run of a test alone: it makes the event
	// service's inventory one that oversells.
	Inventory func(event.Store, event.Inventory) event.Inventory
}

// FromEnv reads the configuration. What is malformed is an error with its name.
func FromEnv() (Config, error) { return config.Parse[Config](environment()) }

// environment is the process's, over which what is decided here wins.
func environment(decided ...map[string]string) map[string]string {
	all := env.ToMap(os.Environ())
	for _, d := range decided {
		maps.Copy(all, d)
	}
	return all
}

// private reports whether nobody but this machine can reach the services: every
// address is loopback, and there is no proxy in front.
func (c Config) private() bool {
	if strings.Trim(c.TrustedProxies, " ,") != "" {
		return false
	}
	for _, addr := range []string{c.WebAddr, c.UserAddr, c.EventAddr, c.BookingAddr, c.NotificationAddr} {
		if !config.Loopback(addr) {
			return false
		}
	}
	return true
}
