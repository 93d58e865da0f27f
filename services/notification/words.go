package notification

import (
	"embed"
	htmltemplate "html/template"
	"text/template"

	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

// german has all texts, by their English ones. Templates have the layout alone.
var german = map[string]string{ //nolint:gosec // some are about passwords, and none is one
	"Hello,":                "Guten Tag,",
	"Hello %s,":             "Guten Tag %s,",
	"Tickets":               "Tickets",
	"Each":                  "Einzelpreis",
	"Sum":                   "Summe",
	"Total":                 "Gesamt",
	"Total: %s":             "Gesamt: %s",
	"Cancelled":             "Storniert",
	"%d × %s at %s = %s":    "%d × %s zu je %s = %s",
	"What remains":          "Weiterhin gültig",
	"The organizer says:":   "Der Veranstalter teilt mit:",
	"Booking reference: %s": "Buchungsnummer: %s",
	"Booking id: %s":        "Buchungs-ID: %s",

	// Subjects. Those with an event lose its colon where no event is known.
	"Booking confirmed: %s":          "Buchung bestätigt: %s",
	"Your booking: %s":               "Ihre Buchung: %s",
	"Your ticket: %s":                "Ihr Ticket: %s",
	"Ticket passed on: %s":           "Ticket weitergegeben: %s",
	"Booking cancelled: %s":          "Buchung storniert: %s",
	"Tickets cancelled: %s":          "Tickets storniert: %s",
	"Event cancelled: %s":            "Veranstaltung abgesagt: %s",
	"Payment failed: %s":             "Zahlung fehlgeschlagen: %s",
	"Payment refunded: %s":           "Zahlung erstattet: %s",
	"Booking not completed: %s":      "Buchung nicht abgeschlossen: %s",
	"The links to your bookings":     "Die Links zu Ihren Buchungen",
	"Confirm your email address":     "Bestätigen Sie Ihre E-Mail-Adresse",
	"Confirm your new email address": "Bestätigen Sie Ihre neue E-Mail-Adresse",
	"Your email address was changed": "Ihre E-Mail-Adresse wurde geändert",
	"Choose a new password":          "Wählen Sie ein neues Passwort",
	"Your code":                      "Ihr Code",
	"Boxoffice test mail":            "Test-E-Mail von Boxoffice",

	// Bookings.
	"your booking is confirmed. We look forward to seeing you.":                                                                "Ihre Buchung ist bestätigt. Wir freuen uns auf Sie.",
	"Some of these tickets were cancelled since; another mail says what remains.":                                              "Einige dieser Tickets wurden inzwischen storniert; welche Ihnen bleiben, steht in einer weiteren E-Mail.",
	"Keep this mail: the reference is what you are asked for at the door. It is in the attached entry for your calendar, too.": "Bewahren Sie diese E-Mail auf: Am Einlass werden Sie nach der Buchungsnummer gefragt. Sie steht auch im beigefügten Kalendereintrag.",
	"your booking is cancelled. Its tickets are no longer valid.":                                                              "Ihre Buchung ist storniert. Die Tickets sind nicht mehr gültig.",
	"your booking is cancelled and refunded. Its tickets are no longer valid.":                                                 "Ihre Buchung ist storniert, die Erstattung ist veranlasst. Die Tickets sind nicht mehr gültig.",
	"we are sorry: this event is cancelled by its organizer, and your booking with it. Its tickets are no longer valid.":       "leider hat der Veranstalter diese Veranstaltung abgesagt. Damit ist auch Ihre Buchung storniert; die Tickets sind nicht mehr gültig.",
	"some tickets of your booking are cancelled.":                                                                              "einige Tickets Ihrer Buchung sind storniert.",
	"some tickets of your booking are cancelled and refunded.":                                                                 "einige Tickets Ihrer Buchung sind storniert, die Erstattung ist veranlasst.",
	"They are no longer valid.":                                    "Diese Tickets sind nicht mehr gültig.",
	"They are no longer valid; the rest of your booking stands.":   "Diese Tickets sind nicht mehr gültig, die übrigen bleiben es.",
	"Boxoffice. This mail was sent because of a booking of yours.": "Boxoffice. Sie erhalten diese E-Mail, weil Sie bei uns gebucht haben.",

	"The reference is in the attached entry for your calendar, too.": "Die Buchungsnummer steht auch im beigefügten Kalendereintrag.",

	// Tickets.
	"Ticket no. %d":                         "Ticket Nr. %d",
	"Open the booking":                      "Buchung öffnen",
	"Open the ticket":                       "Ticket öffnen",
	"The link works without a password.":    "Der Link funktioniert ohne Passwort.",
	"The tickets are also attached as PDF.": "Die Tickets liegen auch als PDF bei.",
	"Show each ticket's QR code at the door, on your phone or printed. Whoever shows a code first gets in, so keep this mail to yourself.": "Zeigen Sie am Einlass den QR-Code jedes Tickets, auf dem Telefon oder gedruckt. Eingelassen wird, wer einen Code zuerst zeigt: Behalten Sie diese E-Mail für sich.",
	"you have a ticket: it was passed on to you. Earlier codes of it are not valid any more.":                                              "Sie haben ein Ticket: Es wurde an Sie weitergegeben. Seine früheren Codes gelten nicht mehr.",
	"your ticket no. %d was passed on: it is for somebody else now, and its earlier QR code is not valid any more.":                        "Ihr Ticket Nr. %d wurde weitergegeben: Es ist jetzt für jemand anderen, und der bisherige QR-Code gilt nicht mehr.",
	"If it was not you: whoever has the link from our mails about the booking can do so. You can end that link in your booking.":           "Falls Sie das nicht waren: Das kann, wer den Link aus unseren E-Mails zur Buchung hat. Sie können ihn in Ihrer Buchung ungültig machen.",
	"If you did not expect this, please ask whoever booked the ticket.":                                                                    "Falls Sie das nicht erwartet haben, fragen Sie bitte die Person, die das Ticket gebucht hat.",
	"Boxoffice. This mail was sent because a ticket is or was in your name.":                                                               "Boxoffice. Sie erhalten diese E-Mail, weil ein Ticket auf Ihren Namen lautet oder lautete.",

	// Money.
	"Kept, by the event's cancellation policy: %s": "Einbehalten gemäß den Stornobedingungen der Veranstaltung: %s",
	"Refunded before: %s":                          "Bereits erstattet: %s",
	"Refunded: %s, to where it was paid from.":     "Erstattet: %s, auf das ursprüngliche Zahlungsmittel.",
	"To be refunded: %s. The refund could not be made yet. Our staff will see to it; there is nothing that you need to do.": "Zu erstatten: %s. Die Erstattung war noch nicht möglich. Wir kümmern uns darum; Sie müssen nichts tun.",
	"Nothing had been paid, so there is nothing to refund.":                                                                 "Es war nichts zu bezahlen, daher ist nichts zu erstatten.",
	"Nothing was refunded.": "Es wurde nichts erstattet.",

	// What cancelling costs, with when it ends and what is kept.
	"the event starts":                        "zum Beginn der Veranstaltung",
	"the doors open":                          "zum Einlass",
	"%s of the price":                         "werden %s des Preises",
	"the whole price":                         "wird der gesamte Preis",
	"You can cancel free of charge until %s.": "Sie können bis %s kostenlos stornieren.",
	"You can cancel until %s; %s is kept.":    "Sie können bis %s stornieren; dabei %s einbehalten.",
	"You can cancel free of charge until %s; after that, until %s, %s is kept.": "Sie können bis %s kostenlos stornieren; danach, bis %s, %s einbehalten.",

	// Failed bookings, and why they failed.
	"your booking could not be completed.":                                 "Ihre Buchung konnte nicht abgeschlossen werden.",
	"your booking could not be completed, because %s.":                     "Ihre Buchung konnte nicht abgeschlossen werden, weil %s.",
	"the event is cancelled by its organizer":                              "der Veranstalter die Veranstaltung abgesagt hat",
	"its tickets are not sold any more":                                    "die Tickets nicht mehr verkauft werden",
	"its tickets are not on sale now":                                      "die Tickets gerade nicht verkauft werden",
	"its payment came too late: its tickets could no longer be held":       "die Zahlung zu spät kam und die Tickets nicht länger reserviert bleiben konnten",
	"its tickets could no longer be held":                                  "die Tickets nicht länger reserviert bleiben konnten",
	"its payment was declined":                                             "die Zahlung abgelehnt wurde",
	"its payment did not come through":                                     "die Zahlung nicht eingegangen ist",
	"You hold no tickets.":                                                 "Sie haben keine Tickets.",
	"You are welcome to book again.":                                       "Sie können gern erneut buchen.",
	"The %s that you had paid are refunded, to where they were paid from.": "Die bezahlten %s werden auf das ursprüngliche Zahlungsmittel erstattet.",
	"The %s that you had paid could not be refunded yet. Our staff will see to it; there is nothing that you need to do.":                                                             "Die bezahlten %s konnten noch nicht erstattet werden. Wir kümmern uns darum; Sie müssen nichts tun.",
	"You hold no tickets, and nothing is charged: should a payment still arrive, it is refunded by itself.":                                                                           "Sie haben keine Tickets, und es wird nichts berechnet: Sollte doch noch eine Zahlung eingehen, wird sie automatisch erstattet.",
	"You hold no tickets, and nothing is charged. Should a payment still arrive, you get your tickets after all or your money back, and hear from us. You are welcome to book again.": "Sie haben keine Tickets, und es wird nichts berechnet. Sollte doch noch eine Zahlung eingehen, erhalten Sie Ihre Tickets oder Ihr Geld zurück und hören von uns. Sie können gern erneut buchen.",

	// Mails with links.
	"here are the links to the bookings that were made with this address.": "hier sind die Links zu den Buchungen mit dieser E-Mail-Adresse.",
	"%d tickets":                 "%d Tickets",
	"one ticket":                 "ein Ticket",
	"This booking is cancelled.": "Diese Buchung ist storniert.",
	"The key of this booking, for the header Booking-Key: %s":                                      "Der Schlüssel dieser Buchung, für den Header Booking-Key: %s",
	"Whoever has such a link can open the booking and give its tickets back: keep it to yourself.": "Wer einen solchen Link hat, kann die Buchung öffnen und ihre Tickets zurückgeben: Behalten Sie ihn für sich.",
	"If you did not ask for this, there is nothing that you need to do.":                           "Falls Sie das nicht angefordert haben, müssen Sie nichts tun.",

	// Accounts.
	"Confirm":                                 "Bestätigen",
	"Set a new password":                      "Neues Passwort festlegen",
	"Follow this link until %s:":              "Folgen Sie bis %s diesem Link:",
	"Or copy this address until %s:":          "Oder kopieren Sie bis %s diese Adresse:",
	"Until %s you can do so with this token:": "Bis %s ist das mit diesem Token möglich:",
	"It is for the operation %s.":             "Es gilt für die Operation %s.",
	"please confirm that this is your email address, and that you have an account here with it.":                                       "bitte bestätigen Sie, dass dies Ihre E-Mail-Adresse ist und dass Sie damit ein Konto bei uns haben.",
	"If you have no account here, somebody has mistyped an address: there is nothing that you need to do.":                             "Falls Sie kein Konto bei uns haben, hat sich jemand bei der Adresse vertippt: Sie müssen nichts tun.",
	"please confirm that this is your email address. From then on your account has it in place of the old one.":                        "bitte bestätigen Sie, dass dies Ihre E-Mail-Adresse ist. Ab dann gilt sie für Ihr Konto anstelle der bisherigen.",
	"If you did not ask for this, there is nothing that you need to do: your account stays as it is.":                                  "Falls Sie das nicht veranlasst haben, müssen Sie nichts tun: Ihr Konto bleibt, wie es ist.",
	"your account has another email address now. This one is no longer good for logging in, and gets no more mails about the account.": "Ihr Konto hat jetzt eine andere E-Mail-Adresse. Mit dieser können Sie sich nicht mehr anmelden, und sie erhält keine E-Mails zum Konto mehr.",
	"If it was not you who changed it, somebody else knows your password. Please tell us at once.":                                     "Falls Sie sie nicht selbst geändert haben, kennt jemand anderes Ihr Passwort. Bitte melden Sie sich sofort bei uns.",
	"somebody, most likely you, asked for a new password of your account.":                                                             "jemand, vermutlich Sie selbst, hat ein neues Passwort für Ihr Konto angefordert.",
	"If it was not you, there is nothing that you need to do: your password stays as it is.":                                           "Falls Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt unverändert.",
	"Boxoffice. This mail was sent because somebody, most likely you, asked for it.":                                                   "Boxoffice. Sie erhalten diese E-Mail, weil jemand sie angefordert hat, vermutlich Sie selbst.",
	"Boxoffice. This mail was sent because this was the address of an account.":                                                        "Boxoffice. Sie erhalten diese E-Mail, weil dies die Adresse eines Kontos war.",
	"this is a test mail of Boxoffice, asked for on %s. If you can read it, mail works.":                                               "dies ist eine Test-E-Mail von Boxoffice, angefordert am %s. Wenn Sie sie lesen können, funktioniert der Versand.",

	// SMS.
	"Boxoffice: booking %s confirmed. %s, %s.":                  "Boxoffice: Buchung %s bestätigt. %s, %s.",
	"Boxoffice: booking %s confirmed. %d x %s, %s.":             "Boxoffice: Buchung %s bestätigt. %d x %s, %s.",
	"Boxoffice: booking %s cancelled":                           "Boxoffice: Buchung %s storniert",
	"Boxoffice: booking %s, tickets cancelled: %d":              "Boxoffice: Buchung %s, stornierte Tickets: %d",
	"Boxoffice: booking %s was not completed":                   "Boxoffice: Buchung %s nicht abgeschlossen",
	"Boxoffice: the payment of booking %s was declined":         "Boxoffice: Zahlung der Buchung %s abgelehnt",
	"Boxoffice: the payment of booking %s did not come through": "Boxoffice: Zahlung der Buchung %s nicht eingegangen",
	"Boxoffice: event cancelled by its organizer":               "Boxoffice: Veranstaltung abgesagt",
	"Booking %s is cancelled.":                                  "Buchung %s ist storniert.",
	"Refunded: %s.":                                             "Erstattet: %s.",
	"To be refunded: %s.":                                       "Zu erstatten: %s.",
	"You hold no tickets and nothing is charged.":               "Sie haben keine Tickets, berechnet wird nichts.",
	"You hold no tickets and get %s back.":                      "Sie haben keine Tickets und erhalten %s zurück.",
	"%s is your Boxoffice code, good for ten minutes. Tell it to nobody. If you did not ask for it, ignore this message.": "%s ist Ihr Boxoffice-Code, gültig zehn Minuten. Geben Sie ihn nicht weiter. Falls Sie ihn nicht angefordert haben, ignorieren Sie diese SMS.",
}

var words = speech.Catalog(german)

//go:embed templates
var templates embed.FS

// edition is the templates in one language.
type edition struct {
	speech.Speech
	texts *template.Template
	pages *htmltemplate.Template
}

var editions = func() map[string]edition {
	all := map[string]edition{}
	for _, tag := range speech.Tags() {
		s := speech.Of(tag, words)
		all[tag] = edition{
			s,
			template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
				"isolate": isolate,
				"t":       func(text string, args ...any) string { return s.Sprintf(text, args...) },
			}).ParseFS(templates, "templates/*.txt")),
			htmltemplate.Must(htmltemplate.New("").Option("missingkey=error").Funcs(htmltemplate.FuncMap{
				"language": func() string { return s.Tag },
				"t":        func(text string, args ...any) htmltemplate.HTML { return page(s, text, args) },
				"bdi":      func(text string) htmltemplate.HTML { return element("<bdi>", text, "</bdi>") },
				"strong":   func(text string) htmltemplate.HTML { return element("<strong>", text, "</strong>") },
				"code": func(text string) htmltemplate.HTML {
					return element(`<strong style="font-family:monospace;font-size:18px">`, text, "</strong>")
				},
			}).ParseFS(templates, "templates/*.html")),
		}
	}
	return all
}()

// editionOf returns that of the language that suits locale best.
func editionOf(locale string) edition { return editions[speech.Of(locale, words).Tag] }

// page says text, which has no markup of its own. Of args that are no HTML nothing is
// markup either.
func page(s speech.Speech, text string, args []any) htmltemplate.HTML {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = htmltemplate.HTML(htmltemplate.HTMLEscapeString(text)) //nolint:gosec // it is escaped
		}
	}
	return htmltemplate.HTML(s.Sprintf(text, args...)) //nolint:gosec // texts have no markup, and args are escaped
}

func element(start, text, end string) htmltemplate.HTML {
	return htmltemplate.HTML(start + htmltemplate.HTMLEscapeString(text) + end) //nolint:gosec // it is escaped
}
