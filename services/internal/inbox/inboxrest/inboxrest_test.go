package inboxrest_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

var now = time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)

const secretData = `{"user_email":"ada@example.com"}`

// server is a consumer of the topic "bookings" behind HTTP.
type server struct {
	*testing.T
	*httptest.Server
	db    *sqlitedb.DB
	store *sqlite.Store
	log   bytes.Buffer

	handle  func() error // what the handler says before it records the message
	effects []events.Message
}

func newServer(t *testing.T) *server {
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "inbox.db"),
		fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{T: t, db: db, store: sqlite.New(db), handle: func() error { return nil }}
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	guard := &auth.Guard{
		VerifyService: func(token string) (string, error) { // it is the service
			service, ok := strings.CutPrefix(token, "service ")
			if !ok {
				return "", auth.ErrInvalidToken
			}
			return service, nil
		},
		Verify: func(_ context.Context, token string) (identity.Caller, error) { // the token is the role
			return identity.Caller{UserID: token + "-id", Role: identity.Role(token)}, nil
		},
	}
	mux := httpkit.NewRouter(log)
	inboxrest.Register(httpkit.NewAPI(mux, "test", ""), guard, inboxrest.Options{
		Store: s.store, Handlers: map[string]broker.Handler{"bookings": s.consume},
		Callers: []string{"booking"}, Now: func() time.Time { return now }, Log: log,
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) consume(ctx context.Context, m events.Message) error {
	if err := s.handle(); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		fresh, err := sqlite.Record(ctx, tx, m.ID, now)
		if fresh {
			s.effects = append(s.effects, m)
		}
		return err
	})
}

func (s *server) put(n int) (letters []inbox.DeadLetter) {
	s.Helper()
	for range n {
		id := uuid.Must(uuid.NewV7()).String()
		d := inbox.DeadLetter{
			ID: id, Topic: "bookings", Reason: "unheard of", FailedAt: now,
			Message: events.Message{ID: id, Source: "booking", Type: "booking.confirmed.v1", Subject: "b1", Time: now,
				Data: []byte(secretData)},
		}
		if err := s.store.PutDeadLetter(s.Context(), d); err != nil {
			s.Fatal(err)
		}
		letters = append(letters, d)
	}
	return letters
}

// call returns the status and the body; a problem's is its code.
func (s *server) call(method, path, role, body string) (int, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	switch {
	case strings.HasPrefix(role, "service"):
		req.Header.Set("X-Service-Token", role)
	case role != "":
		req.Header.Set("Authorization", "Bearer "+role)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	if res.StatusCode >= 300 {
		var p struct{ Code string }
		if err := json.Unmarshal(b, &p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
			s.Errorf("%s %s: %d is no problem: %s", method, path, res.StatusCode, b)
		}
		return res.StatusCode, p.Code
	}
	return res.StatusCode, strings.TrimSpace(string(b))
}

func (s *server) expect(method, path, role, body string, status int, want string) {
	s.Helper()
	if gotStatus, got := s.call(method, path, role, body); gotStatus != status || got != want {
		s.Errorf("%s %s as %q: %d %s, want %d %s", method, path, role, gotStatus, got, status, want)
	}
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	known, unknown := s.put(1)[0].ID, uuid.Must(uuid.NewV7()).String()
	ask := fmt.Sprintf(`{"ids":[%q,%q]}`, unknown, known)
	s.expect("POST", "/receipts", "service booking", ask, 200, `{"known":["`+known+`"]}`)
	s.expect("POST", "/receipts", "service booking", fmt.Sprintf(`{"ids":[%q]}`, unknown), 200, `{"known":[]}`)

	s.expect("POST", "/receipts", "", ask, 401, "unauthenticated")
	s.expect("POST", "/receipts", "admin", ask, 401, "unauthenticated")
	s.expect("POST", "/receipts", "services", ask, 401, "invalid_token")
	s.expect("POST", "/receipts", "service user", ask, 403, "forbidden")

	many := `{"ids":["` + strings.Join(slices.Repeat([]string{unknown}, 1001), `","`) + `"]}`
	for _, bad := range []string{`{}`, `{"ids":null}`, `{"ids":[]}`, `{"ids":["x"]}`, `{"ids":[1]}`, `{"ids":"x"}`, `{"idz":["x"]}`, many} {
		s.expect("POST", "/receipts", "service booking", bad, 422, "validation_failed")
	}
	s.expect("POST", "/receipts", "service booking", `{"ids":[`, 400, "malformed_body")
}

func TestClientAsksInParts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var want, ids []string
	for _, d := range s.put(3) {
		want = append(want, d.ID)
	}
	ids = append(ids, want[0])
	for range 1500 {
		ids = append(ids, uuid.Must(uuid.NewV7()).String())
	}
	ids = append(ids, want[1:]...)
	c, err := httpkit.NewClient(s.URL, func() (string, error) { return "service booking", nil }, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	known, err := inboxrest.NewClient(c).Known(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	s.Close()
	if _, err := inboxrest.NewClient(c).Known(t.Context(), ids); !errors.Is(err, httpkit.ErrUnavailable) {
		t.Errorf("a consumer that is down: %v, want ErrUnavailable", err)
	}
}

func TestListDeadLetters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.expect("GET", "/dead-letters", "admin", "", 200, `{"items":[],"next_cursor":null}`)
	for _, who := range []string{"customer", "organizer"} {
		s.expect("GET", "/dead-letters", who, "", 403, "forbidden")
	}
	s.expect("GET", "/dead-letters", "", "", 401, "unauthenticated")
	s.expect("GET", "/dead-letters", "service booking", "", 401, "unauthenticated")

	d := s.put(1)[0]
	s.expect("GET", "/dead-letters", "admin", "", 200, `{"items":[{"id":"`+d.ID+`","topic":"bookings","type":"booking.confirmed.v1",`+
		`"source":"booking","subject":"b1","time":"2026-03-29T01:30:00.123456Z","reason":"unheard of",`+
		`"failed_at":"2026-03-29T01:30:00.123456Z"}],"next_cursor":null}`)

	want := []string{d.ID}
	for _, d := range s.put(6) {
		want = append(want, d.ID)
	}
	var got []string
	path := "/dead-letters?limit=3"
	for pages := 1; path != ""; pages++ {
		status, body := s.call("GET", path, "admin", "")
		var page struct {
			Items      []struct{ ID string }
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || pages > 3 {
			t.Fatalf("page %d: %d %s (%v)", pages, status, body, err)
		}
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/dead-letters?limit=3&cursor=" + *page.NextCursor
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}

	for _, q := range []string{"limit=0", "limit=101", "limit=-1", "limit=x"} {
		s.expect("GET", "/dead-letters?"+q, "admin", "", 422, "validation_failed")
	}
	for _, c := range []string{"x", "e30", "bnVsbA", "eyJvdGhlciI6MX0", httpkit.EncodeCursor(map[string]string{"after": "x"})} {
		s.expect("GET", "/dead-letters?cursor="+c, "admin", "", 422, "invalid_cursor")
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := s.put(1)[0]
	path := "/dead-letters/" + d.ID + "/replay"

	for _, who := range []string{"customer", "organizer"} {
		s.expect("POST", path, who, "", 403, "forbidden")
	}
	s.expect("POST", path, "", "", 401, "unauthenticated")
	s.expect("POST", "/dead-letters/"+uuid.NewString()+"/replay", "admin", "", 404, "dead_letter_not_found")
	s.expect("POST", "/dead-letters/no%20uuid/replay", "admin", "", 404, "dead_letter_not_found")

	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("secret reason") },
		"a panic":  func() error { panic("secret reason") },
	} {
		s.handle = fail
		s.expect("POST", path, "admin", "", 409, "replay_failed")
		if got, err := s.store.DeadLetter(t.Context(), d.ID); err != nil || !got.ReplayedAt.IsZero() {
			t.Errorf("marked as replayed after %s (%v)", name, err)
		}
	}

	s.handle = func() error { return fmt.Errorf("%w: away", storage.ErrUnavailable) }
	s.expect("POST", path, "admin", "", 503, "service_unavailable")

	s.handle = func() error { return nil }
	for range 2 { // the second finds the effect there
		status, body := s.call("POST", path, "admin", "")
		if status != 200 || !strings.Contains(body, `"replayed_at":"2026-03-29T01:30:00.123456Z","replayed_by":"admin-id"`) {
			t.Errorf("replay: %d %s", status, body)
		}
		if strings.Contains(body, "example.com") {
			t.Errorf("the data is shown: %s", body)
		}
	}
	if diff := cmp.Diff([]events.Message{d.Message}, s.effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	audit := s.log.String()
	if n := strings.Count(audit, "a dead letter was replayed"); n != 5 ||
		strings.Count(audit, "by=admin-id") != 5 || !strings.Contains(audit, d.ID) {
		t.Errorf("%d replays are in the log, want 5, each with who and what:\n%s", n, audit)
	}
	if strings.Contains(audit, "example.com") {
		t.Error("the data is in the log")
	}
}

func TestReplayOfATopicThatNobodyHandles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := inbox.DeadLetter{ID: uuid.NewString(), Topic: "forgotten", FailedAt: now}
	if err := s.store.PutDeadLetter(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s.expect("POST", "/dead-letters/"+d.ID+"/replay", "admin", "", 409, "replay_failed")
}

func TestADeadLetterThatCannotBeReadIsListedAndNotReplayed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	letters := s.put(2)
	if err := s.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE dead_letters SET attributes = '[]' WHERE id = ?`, letters[0].ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	status, body := s.call("GET", "/dead-letters", "admin", "")
	if status != 200 || !strings.Contains(body, letters[0].ID) || !strings.Contains(body, letters[1].ID) ||
		strings.Count(body, "the stored message cannot be read") != 1 {
		t.Errorf("the list is %d %s, want both, one of them as unreadable", status, body)
	}
	s.expect("POST", "/dead-letters/"+letters[0].ID+"/replay", "admin", "", 409, "replay_failed")
	if len(s.effects) != 0 {
		t.Error("a message that cannot be read had an effect")
	}
}
