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
var admittingGuests = []string{"cancelBooking", "cancelTickets", "changeHolder", "correctBooking", "createBooking", "drawTicketPNG", "drawTicketSVG", "endLinks", "extendBooking", "getBooking", "getCalendar", "listBookings", "listTickets", "payBooking", "printTicket", "printTickets", "resendBooking"}

// byLink are all operations that the link to a booking is good for: in place of an access
// token, and of claimBooking beside it.
var byLink = []string{"cancelBooking", "cancelTickets", "changeHolder", "claimBooking", "drawTicketPNG", "drawTicketSVG", "endLinks", "getBooking", "getCalendar", "listTickets", "printTicket", "printTickets", "resendBooking"}

// Each operation that takes an access token lists the roles that it admits.
func TestEveryOperationListsItsRoles(t *testing.T) {
	t.Parallel()
	var guests, linked []string
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
				if slices.ContainsFunc(op.Security, func(s map[string][]string) bool { _, ok := s[httpkit.SchemeBookingKey]; return ok }) && !slices.Contains(linked, op.ID) {
					linked = append(linked, op.ID)
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
	slices.Sort(linked)
	if d := cmp.Diff(byLink, linked); d != "" {
		t.Errorf("operations for those who have a link (-want +got):\n%s", d)
	}
}
