package httpkit_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func TestFieldsStandInTheBodyOrElsewhere(t *testing.T) {
	t.Parallel()
	table := httpkit.Errors{Locations: map[string]string{"idempotency_key": "header.Idempotency-Key"}}
	var p *httpkit.Error
	if err := table.To(t.Context(), problem.Invalid{
		{Name: "items[2].quantity", Message: "a"}, {Name: "idempotency_key", Message: "b"}, {Message: "c"},
	}); !errors.As(err, &p) {
		t.Fatalf("error %v, want a problem", err)
	}
	want := []problem.Field{
		{Location: "body.items[2].quantity", Message: "a"}, {Location: "header.Idempotency-Key", Message: "b"}, {Location: "body", Message: "c"},
	}
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
