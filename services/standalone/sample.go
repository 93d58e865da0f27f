package standalone

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Login is a sample account. Its password is public: it is made only where
// nobody but this machine can reach the services.
type Login = user.PublicLogin

// The sample logins.
var (
	SampleOrganizer = user.SampleOrganizer
	SampleCustomer  = user.SampleCustomer
	SampleAdmin     = user.SampleAdmin
)

// sampleAdmin reports whether the admin is the sample one.
func (p *Platform) sampleAdmin() bool {
	return p.cfg.SampleData && p.cfg.private() && p.cfg.AdminEmail == "" && p.cfg.AdminPassword == ""
}

type sampleEvent struct {
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Category    string         `json:"category"`
	Venue       events.Venue   `json:"venue"`
	StartsAt    time.Time      `json:"starts_at"`
	EndsAt      time.Time      `json:"ends_at"`
	TimeZone    string         `json:"time_zone"`
	TicketTypes []sampleTicket `json:"ticket_types"`

	CancellationPolicy events.CancellationPolicy `json:"cancellation_policy"`
}

type sampleTicket struct {
	Name     string       `json:"name"`
	Price    money.Amount `json:"price"`
	Capacity int          `json:"capacity"`
}

// sampleEvents are some plausible events in the weeks after today.
func sampleEvents(today time.Time) []sampleEvent {
	eur := func(name string, minor int64, capacity int) sampleTicket {
		return sampleTicket{name, money.Amount{AmountMinor: minor, Currency: "EUR"}, capacity}
	}
	at := func(zone string, days, hour, minute int, length time.Duration, e sampleEvent) sampleEvent {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			loc, zone = time.UTC, "UTC"
		}
		y, m, d := today.In(loc).AddDate(0, 0, days).Date()
		e.StartsAt = time.Date(y, m, d, hour, minute, 0, 0, loc).UTC()
		e.EndsAt, e.TimeZone = e.StartsAt.Add(length), zone
		return e
	}
	return []sampleEvent{
		at("Europe/Berlin", 9, 20, 0, 150*time.Minute, sampleEvent{
			Title: "Night Trains: The Accordion Sessions", Category: "music",
			Description: "Four musicians, one long table, and songs from every border between Lisbon and Lviv.",
			Venue:       events.Venue{Name: "Alte Münze", Address: "Molkenmarkt 2", City: "Berlin", Country: "DE"},
			TicketTypes: []sampleTicket{eur("Standing", 2400, 300), eur("Seat at the table", 4200, 40)},

			CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
		}),
		at("Europe/Paris", 14, 9, 30, 8*time.Hour, sampleEvent{
			Title: "Go Days Paris", Category: "conference",
			Description: "One track, eleven talks, no sponsors' slots. Lunch is included.",
			Venue:       events.Venue{Name: "La Cartonnerie", Address: "12 rue Deguerry", City: "Paris", Country: "FR"},
			TicketTypes: []sampleTicket{eur("Early bird", 9900, 80), eur("Regular", 14900, 200), eur("Student", 2500, 30)},

			CancellationPolicy: events.CancellationPolicy{FreeHours: 336, FeeBasisPoints: 5000},
		}),
		at("Europe/Vienna", 21, 19, 30, 2*time.Hour, sampleEvent{
			Title: "Schubert by Candlelight", Category: "music",
			Description: "The last quintet, played where the audience can hear the bows.",
			Venue:       events.Venue{Name: "Ehrbar Saal", Address: "Mühlgasse 30", City: "Vienna", Country: "AT"},
			TicketTypes: []sampleTicket{eur("Row 1-5", 5800, 60), eur("Row 6-20", 3600, 180)},
		}),
		at("Europe/Amsterdam", 30, 14, 0, 3*time.Hour, sampleEvent{
			Title: "Repair Café: Bring What Is Broken", Category: "community",
			Description: "Toasters, zips, bicycles. Tools and people who know are there; bring patience.",
			Venue:       events.Venue{Name: "De Ceuvel", Address: "Korte Papaverweg 4", City: "Amsterdam", Country: "NL"},
			TicketTypes: []sampleTicket{eur("Free seat", 0, 50)},
		}),
		at("Europe/London", 37, 19, 0, 2*time.Hour, sampleEvent{
			Title: "Improv Against the Clock", Category: "comedy",
			Description: "Six players, your suggestions, ninety seconds a scene.",
			Venue:       events.Venue{Name: "The Nursery", Address: "Arch 61, Great Suffolk Street", City: "London", Country: "GB"},
			TicketTypes: []sampleTicket{{"Entry", money.Amount{AmountMinor: 1250, Currency: "GBP"}, 90}},
		}),
		at("Asia/Tokyo", 45, 18, 30, 150*time.Minute, sampleEvent{
			Title: "夜の盆栽 – Bonsai at Night", Category: "workshop",
			Description: "Prune a juniper under guidance, and take it home.",
			Venue:       events.Venue{Name: "緑の家", Address: "3-12-7 Kuramae", City: "Tokyo", Country: "JP"},
			TicketTypes: []sampleTicket{{"Workshop with tree", money.Amount{AmountMinor: 12000, Currency: "JPY"}, 16}},
		}),
		at("Europe/Berlin", 60, 16, 0, 6*time.Hour, sampleEvent{
			Title: "Last Seats: A Very Small Festival", Category: "music",
			Description: "Three bands in a living room. There are five tickets, and there will never be six.",
			Venue:       events.Venue{Name: "Wohnzimmer", Address: "Lettestraße 6", City: "Berlin", Country: "DE"},
			TicketTypes: []sampleTicket{eur("Sofa", 1500, 5)},

			CancellationPolicy: events.CancellationPolicy{FreeHours: 168, FeeBasisPoints: 10_000},
		}),
	}
}
