package rest_test

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// sessionsPage is a page of GET /users/me/sessions.
type sessionsPage struct {
	Items []struct {
		ID         string    `json:"id"`
		StartedAt  time.Time `json:"started_at"`
		LastUsedAt time.Time `json:"last_used_at"`
		ExpiresAt  time.Time `json:"expires_at"`
		Current    bool      `json:"current"`
	} `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

func (s *server) sessions(access, query string) (page sessionsPage) {
	s.t.Helper()
	a := s.do(request{method: "GET", path: "/users/me/sessions" + query, token: access})
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 {
		s.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return page
}

func TestSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, refresh := s.ada()
	began := s.clock()
	s.pass(time.Minute)
	phone := s.login("ada@example.com", password, "").field(t, "access_token")
	s.pass(time.Minute)
	access := s.refresh(refresh).field(t, "access_token")

	first := s.sessions(phone, "?limit=1")
	if len(first.Items) != 1 || first.NextCursor == nil || !first.Items[0].Current {
		t.Fatalf("the first page of two: %+v", first)
	}
	second := s.sessions(phone, "?limit=1&cursor="+url.QueryEscape(*first.NextCursor))
	if len(second.Items) != 1 || second.NextCursor != nil {
		t.Fatalf("the second page of two: %+v", second)
	}
	got, want := second.Items[0], second.Items[0]
	want.StartedAt = began.UTC().Truncate(time.Microsecond)
	want.LastUsedAt = want.StartedAt.Add(2 * time.Minute)
	want.ExpiresAt, want.Current = want.LastUsedAt.Add(30*24*time.Hour), false
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the session that was used again (-want +got):\n%s", d)
	}

	end := func(id, token string) answer {
		return s.do(request{method: "DELETE", path: "/users/me/sessions/" + id, token: token})
	}
	for range 2 {
		if a := end(first.Items[0].ID, access); a.status != 204 || a.body != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	wantProblem(t, "a change in the ended session", s.do(request{method: "PATCH", path: "/users/me", token: phone, body: object{"name": "B"}}), 401, problem.InvalidToken)
	if left := s.sessions(access, ""); len(left.Items) != 1 || left.Items[0].ID != got.ID {
		t.Errorf("left: %+v", left)
	}
	wantProblem(t, "unknown", end("01890a5d-ac96-774b-bcce-b302099a8057", access), 404, problem.SessionNotFound)
	wantProblem(t, "no id", end("current", access), 422, problem.ValidationFailed)

	s.register("eve@example.com")
	eve := s.login("eve@example.com", password, "").field(t, "access_token")
	wantProblem(t, "another's", end(got.ID, eve), 404, problem.SessionNotFound)
	if a := end(got.ID, access); a.status != 204 {
		t.Errorf("the own session: %d %s", a.status, a.body)
	}
	wantProblem(t, "a foreign cursor", s.do(request{method: "GET", path: "/users/me/sessions?cursor=eyJpZCI6IngifQ", token: eve}), 422, problem.InvalidCursor)
	wantOAuth(t, "a refresh token of an ended session", s.refresh(refresh), 400, "invalid_grant")
}
