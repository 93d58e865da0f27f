package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// TestOperationsAsDocumented compares what the gateway lets pass with what the
// services behind document.
func TestOperationsAsDocumented(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		t.Run(o.id, func(t *testing.T) {
			known := read(o.service).Paths[o.path()][strings.ToLower(o.method)]
			if known.OperationID != o.id {
				t.Errorf("the %s service calls it %q", o.service, known.OperationID)
			}
			var query []string
			for _, p := range known.Parameters {
				switch p.In {
				case "query":
					query = append(query, p.Name)
				case "header":
					if !slices.Contains(passedIn, p.Name) {
						t.Errorf("the header %s does not pass", p.Name)
					}
				}
			}
			slices.Sort(query)
			if diff := cmp.Diff(query, slices.Sorted(slices.Values(o.query))); diff != "" {
				t.Errorf("query parameters documented (-) and passed on (+):\n%s", diff)
			}
		})
	}
}

// The gateway shows a token of its own, which must open nothing to its clients.
func TestNoOperationForServicesAlonePasses(t *testing.T) {
	t.Parallel()
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "PUT /events/{id}/book of the event service is for other services alone") {
			t.Errorf("the gateway says %q", said)
		}
	}()
	api := httpkit.NewAPI(httpkit.NewRouter(slog.New(slog.DiscardHandler)), "Test", "")
	describe(api, operation{id: "bookTickets", method: http.MethodPut, segments: []string{"events", "{id}", "book"}, service: event}, map[service]document{})
}
