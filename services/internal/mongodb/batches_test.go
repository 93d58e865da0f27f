package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

var errOdd = errors.New("13 is odd")

// batched runs a call for each of ins, the first two of which are under way when
// the others come, and returns their answers and what each batch had.
func batched(t *testing.T, do func(in int) (string, error), ins ...int) (answers []string, batches [][]int) {
	t.Helper()
	hold := make(chan struct{})
	var mu sync.Mutex
	b := mongodb.NewBatches(func(_ context.Context, ins []int) ([]string, error) {
		mu.Lock()
		batches = append(batches, slices.Sorted(slices.Values(ins)))
		mu.Unlock()
		<-hold
		var outs []string
		for _, in := range ins {
			out, err := do(in)
			if err != nil {
				return nil, err
			}
			outs = append(outs, out)
		}
		return outs, nil
	})
	answers = make([]string, len(ins))
	var calls sync.WaitGroup
	for i, in := range ins {
		calls.Go(func() {
			out, err := b.Do(t.Context(), in)
			answers[i] = out
			if err != nil {
				answers[i] = err.Error()
			}
		})
		synctest.Wait()
	}
	close(hold)
	calls.Wait()
	return answers, batches
}

func TestCallsAtATimeShareABatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do      func(in int) (string, error)
		answers string
		batches string
	}{
		"answers": {
			func(in int) (string, error) { return fmt.Sprint(2 * in), nil },
			"[2 4 24 26 28]", "[[1] [2] [12 13 14]]",
		},
		"a call that fails alone is no other's": {
			func(in int) (string, error) {
				if in == 13 {
					return "", errOdd
				}
				return fmt.Sprint(2 * in), nil
			},
			"[2 4 24 13 is odd 28]", "[[1] [2] [12 13 14] [12] [13] [14]]",
		},
		"an outage is everybody's": {
			func(in int) (string, error) {
				if in == 13 {
					return "", storage.ErrUnavailable
				}
				return fmt.Sprint(2 * in), nil
			},
			fmt.Sprint([]any{"2", "4", storage.ErrUnavailable, storage.ErrUnavailable, storage.ErrUnavailable}), "[[1] [2] [12 13 14]]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answers, batches := batched(t, c.do, 1, 2, 12, 13, 14)
				if got := fmt.Sprint(answers); got != c.answers {
					t.Errorf("the answers are %s, want %s", got, c.answers)
				}
				if got := fmt.Sprint(batches); got != c.batches {
					t.Errorf("the batches are %s, want %s", got, c.batches)
				}
			})
		})
	}
}

func TestAPanicOfABatchIsAnError(t *testing.T) {
	t.Parallel()
	b := mongodb.NewBatches(func(context.Context, []int) ([]int, error) { panic("oh") })
	for range 2 {
		if _, err := b.Do(t.Context(), 1); err == nil {
			t.Error("no error")
		}
	}
}

func TestACallThatIsCancelledIsNotMade(t *testing.T) {
	t.Parallel()
	b := mongodb.NewBatches(func(_ context.Context, ins []int) ([]int, error) {
		t.Error("it is made")
		return ins, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Do(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
}
