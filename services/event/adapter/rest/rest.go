// Package rest is the event service's HTTP API: the only package here that
// knows status codes.
package rest

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// table says how each of the domain's errors is answered.
var table = httpkit.Errors{RetryAfter: map[*problem.Refusal]int{
	event.ErrBookingUnavailable: 1,
	event.ErrTooManyUploads:     2,
}, Locations: map[string]string{"after": "query.after", "q": "query.q"}}

// Register adds the operations to api.
func Register(api huma.API, s *event.Service, guard *auth.Guard) {
	registerReading(api, s)
	registerEditing(api, s, guard)
	registerCancelling(api, s, guard)
	registerImages(api, s, guard)
	registerInventory(api, s, guard)
}
