package specs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
)

// TestMessagesOfAnUnknownTypeAreIgnored sends each consumer of each topic what a
// newer publisher may say one day. The consumer has a receipt for it, and no dead
// letter.
func TestMessagesOfAnUnknownTypeAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	admin := w.login(w.environment["ADMIN_EMAIL"], w.environment["ADMIN_PASSWORD"])
	for topic, about := range topics {
		publisher := strings.TrimSuffix(topic, "s")
		key, err := auth.ParseServiceKey(publisher, w.environment[strings.ToUpper(publisher)+"_SERVICE_KEY"])
		if err != nil {
			t.Fatal(err)
		}
		for _, consumer := range about.consumers {
			token, err := key.TokenFor(consumer)()
			if err != nil {
				t.Fatal(err)
			}
			id := uuid.NewString()
			message := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":%q,"type":"%[2]s.something_new.v1","data":{"new":true}}`, id, publisher)
			w.call(consumer, http.MethodPost, "/messages/"+topic, "", string(seal.Seal(topic, []byte(message), key)), nil,
				"X-Service-Token", token, "Content-Type", cloudevent.ContentType)
			var receipts struct{ Known []string }
			for deadline := time.Now().Add(time.Minute); len(receipts.Known) == 0; <-time.After(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s has no receipt for a message of the topic %s", consumer, topic)
				}
				w.call(consumer, http.MethodPost, "/receipts", "", fmt.Sprintf(`{"ids":[%q]}`, id), &receipts, "X-Service-Token", token, "Content-Type", "application/json")
			}
			var letters struct{ Items []json.RawMessage }
			w.call(consumer, http.MethodGet, "/dead-letters", admin, "", &letters)
			for _, l := range letters.Items {
				t.Errorf("%s has the dead letter %s", consumer, l)
			}
		}
	}
}
