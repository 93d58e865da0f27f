package broker_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

var errRefused = errors.New("refused")

func TestEachReportsTheMessagesThatFailed(t *testing.T) {
	t.Parallel()
	batch := []events.Message{{ID: "a"}, {ID: "refused"}, {ID: "panics"}, {ID: "z"}}
	err := broker.Each(t.Context(), batch, 2, func(_ context.Context, m events.Message) error {
		switch m.ID {
		case "refused":
			return errRefused
		case "panics":
			panic("a defect")
		}
		return nil
	})
	for _, id := range []string{"a", "z"} {
		if why := broker.Failure(err, id); why != nil {
			t.Errorf("message %q: %v", id, why)
		}
	}
	if why := broker.Failure(err, "refused"); !errors.Is(why, errRefused) {
		t.Errorf("the refused message: %v", why)
	}
	if why := broker.Failure(err, "panics"); !worker.Panicked(why) {
		t.Errorf("the message that panics: %v", why)
	}
	if !errors.Is(err, errRefused) {
		t.Errorf("the error of the batch hides its causes: %v", err)
	}
}

func TestEachPublishesSeveralAtATime(t *testing.T) {
	t.Parallel()
	const several = 3
	var inside sync.WaitGroup
	inside.Add(several)
	err := broker.Each(t.Context(), make([]events.Message, several), several, func(context.Context, events.Message) error {
		inside.Done()
		inside.Wait() // nobody leaves before all are in
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnErrorOfTheWholeBatchIsThatOfEach(t *testing.T) {
	t.Parallel()
	if why := broker.Failure(errRefused, "a"); !errors.Is(why, errRefused) {
		t.Errorf("error %v, want the batch's", why)
	}
	if why := broker.Failure(nil, "a"); why != nil {
		t.Errorf("error %v, want nil", why)
	}
}
