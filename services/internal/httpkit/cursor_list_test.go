package httpkit_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func TestListOf(t *testing.T) {
	t.Parallel()
	type after struct {
		N int `json:"n"`
	}
	for _, c := range []struct {
		read []int
		want []string
		next int
	}{
		{nil, []string{}, 0}, {[]int{7}, []string{"7"}, 0}, {[]int{7, 8}, []string{"7", "8"}, 0}, {[]int{7, 8, 9}, []string{"7", "8"}, 8},
	} {
		page := httpkit.ListOf(c.read, 2, strconv.Itoa, func(last int) any { return after{last} })
		if diff := cmp.Diff(c.want, page.Items); diff != "" {
			t.Errorf("of %v (-want +got):\n%s", c.read, diff)
		}
		var next after
		if page.NextCursor != nil {
			if err := httpkit.DecodeCursor(*page.NextCursor, &next); err != nil {
				t.Error(err)
			}
		}
		if (page.NextCursor != nil) != (c.next > 0) || next.N != c.next {
			t.Errorf("of %v the next page begins after %d, want %d", c.read, next.N, c.next)
		}
	}
}
