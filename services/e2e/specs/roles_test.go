package specs

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/openapi"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// admittingGuests are all operations that a guest may call.
var admittingGuests = []string{"cancelBooking", "cancelTickets", "changeHolder", "correctBooking", "createBooking", "extendBooking", "getBooking", "listBookings", "listTickets", "payBooking"}

// Each operation that takes an access token lists the roles that it admits.
func TestEveryOperationListsItsRoles(t *testing.T) {
	t.Parallel()
	var guests []string
	behind := map[string]bool{} // whose roles the gateway leaves to the services behind
	for _, service := range services {
		var document struct {
			Paths map[string]map[string]struct {
				ID       string                `json:"operationId"`
				Security []map[string][]string `json:"security"`
				Roles    []identity.Role       `json:"x-roles"`
			} `json:"paths"`
		}
		if err := json.Unmarshal(openapi.Document(service), &document); err != nil {
			t.Fatal(err)
		}
		for _, path := range document.Paths {
			for _, op := range path {
				bearer := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { _, ok := s[httpkit.SchemeBearer]; return ok })
				if bearer != (len(op.Roles) > 0) && !behind[op.ID] {
					t.Errorf("%s of %s takes an access token: %v; it lists the roles %v in %s", op.ID, service, bearer, op.Roles, auth.RolesExtension)
				}
				if service != "user" { // which comes last
					behind[op.ID] = true
				}
				if slices.Contains(op.Roles, identity.Guest) && !slices.Contains(guests, op.ID) {
					guests = append(guests, op.ID)
				}
			}
		}
	}
	slices.Sort(guests)
	if d := cmp.Diff(admittingGuests, guests); d != "" {
		t.Errorf("operations that admit guests (-want +got):\n%s", d)
	}
}
