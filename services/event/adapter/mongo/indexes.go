package mongo

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// The collections.
const (
	eventsName       = "events"
	reservationsName = "reservations"
	closuresName     = "closures"
	deletedName      = "deleted_events"
	creationsName    = "creations"
	imagesName       = "images"
	inboxName        = "inbox"
	deadLettersName  = "dead_letters"
)

// indexes are all there are, besides those of _id.
var indexes = []mongodb.Index{
	// One index for each order, alone and within a category, a city or both: a page
	// is read from the index in its order, never sorted. A list by title of those
	// that start in a range passes over the others in the index, without reading
	// them.
	index(eventsName, "starts_at", "_id"),
	index(eventsName, "title_key", "_id", "starts_at"),
	index(eventsName, "category_key", "starts_at", "_id"),
	index(eventsName, "category_key", "title_key", "_id", "starts_at"),
	index(eventsName, "city_key", "starts_at", "_id"),
	index(eventsName, "city_key", "title_key", "_id", "starts_at"),
	index(eventsName, "category_key", "city_key", "starts_at", "_id"),
	index(eventsName, "category_key", "city_key", "title_key", "_id", "starts_at"),
	// The same of a month, in which each event is a key for each of its months, and of
	// a currency, in which those that cost too much are passed over.
	index(eventsName, "months", "starts_at", "_id"),
	index(eventsName, "months", "title_key", "_id"),
	index(eventsName, "currency", "starts_at", "_id", "lowest_price"),
	index(eventsName, "currency", "title_key", "_id", "starts_at", "lowest_price"),
	// What a search looks for: each word of an event is a key.
	index(eventsName, "words"),
	// What Rekey looks for.
	index(eventsName, "keys_version"),
	// What the sweeper looks for.
	index(eventsName, "held_at"),
	index(eventsName, "marked_at"),
	index(closuresName, "open_since"),
	index(reservationsName, "returns_open"),
	index(imagesName, "loose_since"),
	index(deletedName, "at"),
	// What sealOld looks for.
	index(closuresName, "sealed"),
	// What Known looks for.
	index(reservationsName, "sold_by"),
	// What the relay looks for, and what it marks and prunes.
	index(eventsName, "message_due"),
	index(eventsName, "message_id"),
	index(eventsName, "message_closed_at"),
	// What a release gives back, and what goes with an event.
	index(reservationsName, "booking_id", "attempt"),
	index(reservationsName, "event_id"),
	index(closuresName, "event_id"),
	index(imagesName, "event_id"),
	// What SetImage replaces.
	index(imagesName, "nonce"),
	// What is pruned.
	index(inboxName, "received_at"),
	index(creationsName, "at"),
}

// oldIndexes are those of earlier versions, on the events, that others have
// replaced.
var oldIndexes = []string{"title_key__id", "category_key_title_key__id", "city_key_title_key__id"}

// index is one of these fields, ascending.
func index(collection string, fields ...string) mongodb.Index {
	i := mongodb.Index{Collection: collection, Name: strings.Join(fields, "_")}
	for _, f := range fields {
		i.Keys = append(i.Keys, bson.E{Key: f, Value: 1})
	}
	return i
}
