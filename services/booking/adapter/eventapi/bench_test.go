package eventapi

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// BenchmarkAvailability is what asking for one event costs each of 64 who do so at a
// time, in a process with the event service: together, and each for itself. The event
// service's own work is not in it.
func BenchmarkAvailability(b *testing.B) {
	local := httpkit.NewLocal()
	local.Handle("event", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"event_id":"e","sales_open":true,"available":7,"ticket_types":[{"id":"t","name":"Standing","price":{"amount_minor":2500,"currency":"EUR"},"available":7}]}`)
	}))
	client, err := httpkit.NewClient("http://event", nil, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	catalog := New(client.Through(local))
	for name, ask := range map[string]func(context.Context, string) (booking.Availability, error){
		"together": catalog.Availability, "each": catalog.availability,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32) // for each core
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if a, err := ask(b.Context(), "01890a5d-ac96-774b-bcce-b302099a8057"); err != nil || len(a.Types) == 0 {
						b.Errorf("%d types, error %v", len(a.Types), err)
						return
					}
				}
			})
		})
	}
}
