package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
