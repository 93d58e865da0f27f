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
	Summary     string         `json:"summary,omitempty"`
	Language    string         `json:"language"`
	Description string         `json:"description"`
	Category    string         `json:"category"`
	Venue       events.Venue   `json:"venue"`
	StartsAt    time.Time      `json:"starts_at"`
	EndsAt      time.Time      `json:"ends_at"`
	TimeZone    string         `json:"time_zone"`
	TicketTypes []sampleTicket `json:"ticket_types"`

	CancellationPolicy events.CancellationPolicy `json:"cancellation_policy"`

	picture   bool   // art draws one
	cancelled string // what customers are told; "" for an event that takes place
	soldOut   bool   // the organizer books the tickets of its one type, which are free
}

type sampleTicket struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Price       money.Amount `json:"price"`
	Capacity    int          `json:"capacity"`
	SalesFrom   *time.Time   `json:"sales_from,omitempty"`
	SalesUntil  *time.Time   `json:"sales_until,omitempty"`
}

// sampleEvents are some plausible events in the weeks after today, on sale and not.
func sampleEvents(today time.Time) []sampleEvent {
	costs := func(currency, name string, minor int64, capacity int) sampleTicket {
		return sampleTicket{Name: name, Price: money.Amount{AmountMinor: minor, Currency: currency}, Capacity: capacity}
	}
	eur := func(name string, minor int64, capacity int) sampleTicket { return costs("EUR", name, minor, capacity) }
	from := func(days int, t sampleTicket) sampleTicket {
		t.SalesFrom = new(today.UTC().AddDate(0, 0, days).Truncate(time.Hour))
		return t
	}
	until := func(days int, t sampleTicket) sampleTicket {
		t.SalesUntil = new(today.UTC().AddDate(0, 0, days).Truncate(time.Hour))
		return t
	}
	about := func(description string, t sampleTicket) sampleTicket {
		t.Description = description
		return t
	}
	const exhibitionDays = 45
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
			Title: "Night Trains: The Accordion Sessions", Category: "music", Language: "en", picture: true,
			Summary:     "Songs from every border between Lisbon and Lviv, at one long table.",
			Description: "Four musicians, one long table, and songs from every border between Lisbon and Lviv.",
			Venue:       events.Venue{Name: "Alte Münze", Address: "Molkenmarkt 2", City: "Berlin", Country: "DE"},
			TicketTypes: []sampleTicket{eur("Standing", 2400, 300), about("With bread, olives and a glass of wine", eur("Seat at the table", 4200, 40))},

			CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
		}),
		at("Europe/Paris", 14, 9, 30, 8*time.Hour, sampleEvent{
			Title: "Go Days Paris", Category: "conference", Language: "en", picture: true,
			Summary:     "One track, eleven talks.",
			Description: "One track, eleven talks, no sponsors' slots. Lunch is included.",
			Venue:       events.Venue{Name: "La Cartonnerie", Address: "12 rue Deguerry", City: "Paris", Country: "FR"},
			TicketTypes: []sampleTicket{
				until(4, eur("Early bird", 9900, 80)), from(4, eur("Regular", 14900, 200)), about("Bring your student card", eur("Student", 2500, 30)),
			},

			CancellationPolicy: events.CancellationPolicy{FreeHours: 336, FeeBasisPoints: 5000},
		}),
		at("Europe/Vienna", 21, 19, 30, 2*time.Hour, sampleEvent{
			Title: "Schubert by Candlelight", Category: "music", Language: "en", picture: true,
			Description: "The last quintet, played where the audience can hear the bows.",
			Venue:       events.Venue{Name: "Ehrbar Saal", Address: "Mühlgasse 30", City: "Vienna", Country: "AT"},
			TicketTypes: []sampleTicket{eur("Row 1-5", 5800, 60), eur("Row 6-20", 3600, 180)},
		}),
		at("Europe/Amsterdam", 30, 14, 0, 3*time.Hour, sampleEvent{
			Title: "Repair Café: Bring What Is Broken", Category: "community", Language: "en",
			Description: "Toasters, zips, bicycles. Tools and people who know are there; bring patience.",
			Venue:       events.Venue{Name: "De Ceuvel", Address: "Korte Papaverweg 4", City: "Amsterdam", Country: "NL"},
			TicketTypes: []sampleTicket{eur("Free seat", 0, 50)},
		}),
		at("Europe/London", 37, 19, 0, 2*time.Hour, sampleEvent{
			Title: "Improv Against the Clock", Category: "comedy", Language: "en", picture: true,
			Description: "Six players, your suggestions, ninety seconds a scene.",
			Venue:       events.Venue{Name: "The Nursery", Address: "Arch 61, Great Suffolk Street", City: "London", Country: "GB"},
			TicketTypes: []sampleTicket{costs("GBP", "Entry", 1250, 90)},
		}),
		at("Asia/Tokyo", 45, 18, 30, 150*time.Minute, sampleEvent{
			Title: "夜の盆栽 – Bonsai at Night", Category: "workshop", Language: "en",
			Description: "Prune a juniper under guidance, and take it home.",
			Venue:       events.Venue{Name: "緑の家", Address: "3-12-7 Kuramae", City: "Tokyo", Country: "JP"},
			TicketTypes: []sampleTicket{costs("JPY", "Workshop with tree", 12000, 16)},
		}),
		at("Europe/Berlin", 60, 16, 0, 6*time.Hour, sampleEvent{
			Title: "Last Seats: A Very Small Festival", Category: "music", Language: "en",
			Description: "Three bands in a living room. There are five tickets, and there will never be six.",
			Venue:       events.Venue{Name: "Wohnzimmer", Address: "Lettestraße 6", City: "Berlin", Country: "DE"},
			TicketTypes: []sampleTicket{eur("Sofa", 1500, 5)},

			CancellationPolicy: events.CancellationPolicy{FreeHours: 168, FeeBasisPoints: 10_000},
		}),
		at("Europe/Zurich", 1, 10, 0, exhibitionDays*24*time.Hour+8*time.Hour, sampleEvent{
			Title: "Paper Cities: Models of What Was Never Built", Category: "exhibition", Language: "en", picture: true,
			Summary:     "Forty architects, four hundred models, and no building. Open every day.",
			Description: "A ticket admits once, on any day of the exhibition, from 10 to 18.",
			Venue:       events.Venue{Name: "Halle 7", Address: "Schiffbaustrasse 7", City: "Zürich", Country: "CH"},
			TicketTypes: []sampleTicket{
				until(exhibitionDays, costs("CHF", "Adults", 1800, 5000)), until(exhibitionDays, costs("CHF", "Under 16", 0, 2000)),
			},
		}),
		at("Europe/Berlin", 52, 20, 0, 2*time.Hour, sampleEvent{
			Title: "ليلة العود: أمسية موسيقية!", Category: "music", Language: "ar",
			Summary:     "عود وقانون وأغانٍ من حلب إلى برلين.",
			Description: "ثلاثة عازفين وأمسية واحدة.",
			Venue:       events.Venue{Name: "Werkstatt der Kulturen", Address: "Wissmannstraße 32", City: "Berlin", Country: "DE"},
			TicketTypes: []sampleTicket{eur("الدخول", 1800, 120)},
		}),
		at("Europe/Berlin", 26, 15, 0, 4*time.Hour, sampleEvent{
			Title: "Donaudampfschifffahrtskapitänsmützenausstellungseröffnung mit Blaskapelle", Category: "community", Language: "de", picture: true,
			Summary:     "Zweihundert Mützen, eine Kapelle, Kaffee und Kuchen.",
			Description: "Die Ausstellung eröffnet der letzte Kapitän, der noch eine trägt.",
			Venue:       events.Venue{Name: "Donau-Schiffahrts-Museum", Address: "Thundorferstraße 3", City: "Regensburg", Country: "DE"},
			TicketTypes: []sampleTicket{eur("Erwachsene", 800, 150), about("Mit Ausweis", eur("Ermäßigt", 500, 50))},
		}),
		at("Europe/Copenhagen", 120, 21, 0, 3*time.Hour, sampleEvent{
			Title: "An Orchestra on the Lake", Category: "music", Language: "en", picture: true,
			Summary:     "Sixty musicians on a raft, and the audience in the grass.",
			Description: "Bring a blanket. It takes place in light rain, too.",
			Venue:       events.Venue{Name: "Sortedams Sø", City: "Copenhagen", Country: "DK"},
			TicketTypes: []sampleTicket{from(21, costs("DKK", "Lawn", 24500, 800)), from(28, costs("DKK", "Boat", 60000, 30))},
		}),
		at("Europe/Lisbon", 3, 18, 0, 2*time.Hour, sampleEvent{
			Title: "New Voices: A Reading", Category: "theatre", Language: "en",
			Description: "Five first novels, ten minutes each. The seats have to be set up, so sales end early.",
			Venue:       events.Venue{Name: "Ler Devagar", Address: "Rua Rodrigues de Faria 103", City: "Lisbon", Country: "PT"},
			TicketTypes: []sampleTicket{until(-1, eur("Seat", 700, 60))},
		}),
		at("Europe/Amsterdam", 20, 21, 30, 150*time.Minute, sampleEvent{
			Title: "Open-Air Cinema: Metropolis", Category: "cinema", Language: "en",
			Description: "The restored film, with live music.",
			Venue:       events.Venue{Name: "Marineterrein", Address: "Kattenburgerstraat 5", City: "Amsterdam", Country: "NL"},
			TicketTypes: []sampleTicket{eur("Deck chair", 1200, 200)},
			cancelled:   "The quay is closed for repairs. We are sorry.",
		}),
		at("Europe/Lisbon", 17, 22, 0, 90*time.Minute, sampleEvent{
			Title: "Rooftop Listening Room", Category: "music", Language: "en", picture: true,
			Summary:     "Twelve chairs, one record player, no talking.",
			Description: "A whole album, from the first groove to the last.",
			Venue:       events.Venue{Name: "Terraço", Address: "Rua do Século 9", City: "Lisbon", Country: "PT"},
			TicketTypes: []sampleTicket{eur("Chair", 0, 12)},
			soldOut:     true,
		}),
	}
}
