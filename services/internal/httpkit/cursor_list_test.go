package httpkit_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
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

// A page of large items has fewer of them than asked for, and the next goes on
// where it ends.
func TestAPageIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	type after struct {
		N int `json:"n"`
	}
	const size = 100 << 10
	var all []int
	for n := 1; n <= 30; n++ {
		all = append(all, n)
	}
	mux := httpkit.NewRouter(quiet)
	huma.Get(httpkit.NewAPI(mux, "Test", ""), "/things", func(_ context.Context, in *struct{ httpkit.Page }) (*struct{ Body httpkit.List[string] }, error) {
		var from after
		if in.Cursor != "" {
			if err := httpkit.DecodeCursor(in.Cursor, &from); err != nil {
				return nil, err
			}
		}
		read := all[from.N:min(len(all), from.N+in.Limit+1)]
		text := func(n int) string {
			if n == 12 { // larger than a page
				return "12" + strings.Repeat("<", 1<<20)
			}
			return strconv.Itoa(n) + strings.Repeat("<", size)
		}
		return &struct{ Body httpkit.List[string] }{httpkit.ListOf(read, in.Limit, text, func(n int) any { return after{n} })}, nil
	})
	var got []int
	for target, pages := "/things?limit=20", 0; target != ""; pages++ {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		length := w.Body.Len()
		var page struct {
			Items      []string
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK || len(page.Items) == 0 || pages > 30 {
			t.Fatalf("page %d: %d with %d items, %v", pages, w.Code, len(page.Items), err)
		}
		if length > 513<<10 && len(page.Items) > 1 {
			t.Errorf("page %d has %d items in %d bytes, want at most 512 KiB", pages, len(page.Items), length)
		}
		for _, item := range page.Items {
			n, err := strconv.Atoi(strings.TrimRight(item, "<"))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
		if target = ""; page.NextCursor != nil {
			target = "/things?limit=20&cursor=" + *page.NextCursor
		}
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("all pages together (-want +got):\n%s", diff)
	}
}
