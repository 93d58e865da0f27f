package gateway

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// TestAListIsAnsweredInTime: a list or a search that is too dear is refused by
// the service before the gateway gives it up, which would count against the
// service and open the circuit breaker for everybody.
func TestAListIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	if readTimeout <= storage.LaneTimeout {
		t.Errorf("the gateway waits %v, a lane answers after %v", readTimeout, storage.LaneTimeout)
	}
}
