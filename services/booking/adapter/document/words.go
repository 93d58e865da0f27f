package document

import "github.com/openboxoffice/boxoffice/services/internal/speech"

// german has the documents' own words, by their English ones.
var german = map[string]string{
	"Ticket":            "Ticket",
	"Ticket no. %d":     "Ticket Nr. %d",
	"Begins":            "Beginn",
	"Doors":             "Einlass",
	"Venue":             "Ort",
	"Holder":            "Ticketinhaber",
	"Booking reference": "Buchungsnummer",
	"Booking id: %s":    "Buchungs-ID: %s",
	"Please note":       "Bitte beachten",
	"Organizer: %s":     "Veranstalter: %s",
	"Page %d of %d":     "Seite %d von %d",
	"As of %s":          "Stand: %s",
	"Tickets: %s":       "Tickets: %s",

	"(not printable; your booking shows it)":                                   "(nicht druckbar; Ihre Buchung zeigt es)",
	"Some characters on this page cannot be printed. Your booking shows them.": "Einige Zeichen auf dieser Seite sind nicht druckbar. Ihre Buchung zeigt sie.",

	"This ticket replaces all earlier ones with this number (issue %d).":                                                       "Dieses Ticket ersetzt alle früheren mit dieser Nummer (Ausgabe %d).",
	"The code admits one person, once. Whoever shows it first gets in, so keep it to yourself.":                                "Der Code gilt für eine Person und einen Einlass. Eingelassen wird, wer ihn zuerst zeigt: Behalten Sie ihn für sich.",
	"The holder can be changed until %s. The previous code is then refused.":                                                   "Der Ticketinhaber kann bis %s geändert werden. Der bisherige Code gilt dann nicht mehr.",
	"The holder cannot be changed.":                                                                                            "Der Ticketinhaber kann nicht geändert werden.",
	"The ticket can be returned free of charge until %s.":                                                                      "Das Ticket kann bis %s kostenlos zurückgegeben werden.",
	"The ticket can be returned until %s. %s of its price is kept.":                                                            "Das Ticket kann bis %s zurückgegeben werden. Dabei werden %s des Preises einbehalten.",
	"The ticket can be returned free of charge until %s. After that it can be returned until %s, and %s of its price is kept.": "Das Ticket kann bis %s kostenlos zurückgegeben werden. Danach ist die Rückgabe bis %s möglich, und %s des Preises werden einbehalten.",
}

var words = speech.Catalog(german)
