package rest_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
)

func TestStuckBookingsAreForAdmins(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	retry := "/admin/stuck-bookings/" + uuid.NewString() + "/retry"
	if r := a.do(t, alice, http.MethodGet, "/admin/stuck-bookings", ""); r.status != 403 {
		t.Errorf("for a customer: %s", r)
	}
	if r := a.do(t, alice, http.MethodPost, retry, ""); r.status != 403 {
		t.Errorf("a customer's retry: %s", r)
	}
	if r := a.do(t, "admin", http.MethodGet, "/admin/stuck-bookings", ""); r.raw != `{"items":[],"next_cursor":null}`+"\n" {
		t.Errorf("while there is none: %s", r)
	}
	if r := a.do(t, "admin", http.MethodPost, retry, ""); r.status != 404 || r.body["code"] != "booking_not_found" {
		t.Errorf("a retry of none: %s", r)
	}
}
