package mongo

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// The collections.
const (
	messagesName    = "messages"
	deadLettersName = "dead_letters"
	quotasName      = "quotas"
)

// indexes are all indexes there are, but for those on _id.
func indexes() []mongodb.Index {
	all := []mongodb.Index{
		// A booking is told once of each kind.
		{Collection: messagesName, Name: "once", Keys: keys("once"), Unique: true},
		// Enqueue: what is known of a booking, and since which version. List: of one booking.
		{Collection: messagesName, Name: "booking", Keys: keys("booking_id", "version")},
		// Forget
		{Collection: messagesName, Name: "event", Keys: keys("event_at", "at")},
		// Prune
		{Collection: messagesName, Name: "age", Keys: keys("at")},
		{Collection: quotasName, Name: "age", Keys: keys("at")},
	}
	for _, c := range channels {
		for name, fields := range map[string][]string{
			"ready":  {c + ".ready", c + ".turn", c + ".due"},                    // Claim: what comes first
			"wait":   {c + ".ready", c + ".due"},                                 // Claim: what is due
			"id":     {c + ".id"},                                                // Settle
			"newest": {"-" + c + ".created_at", "-" + c + ".id"},                 // List
			"status": {c + ".status", "-" + c + ".created_at", "-" + c + ".id"},  // List: of one status
			"user":   {c + ".user_id", "-" + c + ".created_at", "-" + c + ".id"}, // List: of one user
			// List: of one status of one user
			"user_status": {c + ".user_id", c + ".status", "-" + c + ".created_at", "-" + c + ".id"},
		} {
			all = append(all, mongodb.Index{Collection: messagesName, Name: c + "_" + name, Keys: keys(fields...)})
		}
	}
	return all
}

// keys are those of an index of these fields, descending where a name begins
// with "-".
func keys(fields ...string) (keys bson.D) {
	for _, field := range fields {
		if name, descending := strings.CutPrefix(field, "-"); descending {
			keys = append(keys, bson.E{Key: name, Value: -1})
		} else {
			keys = append(keys, bson.E{Key: name, Value: 1})
		}
	}
	return keys
}
