package standalone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// seedOnce adds the sample logins and events at the first start, through the
// API. A start that is cut off in the middle goes on at the next.
func (p *Platform) seedOnce(ctx context.Context) error {
	done := filepath.Join(p.cfg.DataDir, ".sample-data")
	if _, err := os.Stat(done); err == nil || !p.cfg.SampleData || !p.cfg.private() {
		return nil
	}
	if _, err := seedWith(ctx, p.user.url(), SampleOrganizer, true); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o600)
}

// Seed adds the sample events, as organizer, to the platform whose gateway is at
// base; with SampleOrganizer it first makes the sample organizer and customer.
// What is there already stays as it is, but gets the picture that it lacks. It returns how
// many events it added. It books nothing, so that none is sold out.
func Seed(ctx context.Context, base string, organizer Login) (added int, err error) {
	return seedWith(ctx, base, organizer, false)
}

// seedTimeout is how long one request may take. The event service takes up to 55 s to read
// and draw a picture, and a start ends with an error if one of them fails.
const seedTimeout = time.Minute

func seedWith(ctx context.Context, base string, organizer Login, sell bool) (added int, err error) {
	s := seeder{base: base, http: &http.Client{Timeout: seedTimeout}}
	logins := []Login{SampleOrganizer, SampleCustomer}
	if organizer != SampleOrganizer {
		logins = nil
	}
	for _, l := range logins {
		err := s.json(ctx, http.MethodPost, "/users", map[string]string{
			"email": l.Email, "password": l.Password, "name": l.Name, "role": string(l.Role),
		}, nil)
		var p *problem.Problem
		if err != nil && (!errors.As(err, &p) || p.Code != problem.EmailTaken) {
			return 0, fmt.Errorf("sample login %s: %w", l.Email, err)
		}
	}
	if err := s.login(ctx, organizer); err != nil {
		return 0, fmt.Errorf("log in as %s: %w", organizer.Email, err)
	}
	for _, e := range sampleEvents(time.Now()) {
		there, err := s.find(ctx, e)
		if err == nil && there == nil {
			there = &seeded{}
			if err = s.json(ctx, http.MethodPost, "/events", e, there); err == nil {
				added++
			}
		}
		if err == nil {
			err = s.finish(ctx, e, there, sell)
		}
		if err != nil {
			return added, fmt.Errorf("sample event %q: %w", e.Title, err)
		}
	}
	return added, nil
}

// seeded is an event as the platform has it.
type seeded struct {
	ID, Title, Status string
	Image             *struct{}
	TicketTypes       []struct{ Available int } `json:"ticket_types"`
}

// finish brings the event into the state of the sample.
func (s *seeder) finish(ctx context.Context, e sampleEvent, there *seeded, sell bool) error {
	if there.Status == "CANCELLED" {
		return nil
	}
	if e.picture && there.Image == nil {
		picture, err := art(e.Category, e.Title)
		if err != nil {
			return err
		}
		if err := s.do(ctx, http.MethodPut, "/events/"+there.ID+"/image", "image/jpeg", bytes.NewReader(picture), nil); err != nil {
			return err
		}
	}
	if left := there.TicketTypes[0].Available; e.soldOut && sell && left > 0 {
		return s.json(ctx, http.MethodPost, "/bookings", map[string]any{"event_id": there.ID, "tickets": left}, nil)
	}
	if e.cancelled != "" {
		return s.json(ctx, http.MethodPost, "/events/"+there.ID+"/cancel", map[string]string{"note": e.cancelled}, nil)
	}
	return nil
}

type seeder struct {
	base, token string
	http        *http.Client
}

func (s *seeder) login(ctx context.Context, l Login) error {
	form := url.Values{"grant_type": {"password"}, "username": {l.Email}, "password": {l.Password}}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	err := s.do(ctx, http.MethodPost, "/token", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), &out)
	s.token = out.AccessToken
	return err
}

// find returns the event of this title that is still to come, or nil.
func (s *seeder) find(ctx context.Context, e sampleEvent) (*seeded, error) {
	var found struct {
		Items []seeded `json:"items"`
	}
	q := url.Values{"q": {e.Title}, "limit": {"100"}, "from": {time.Now().UTC().Format(time.RFC3339)}}
	if err := s.do(ctx, http.MethodGet, "/events?"+q.Encode(), "", nil, &found); err != nil {
		return nil, err
	}
	for _, f := range found.Items {
		if f.Title == e.Title {
			return &f, nil
		}
	}
	return nil, nil
}

func (s *seeder) json(ctx context.Context, method, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return s.do(ctx, method, path, "application/json", bytes.NewReader(b), out)
}

func (s *seeder) do(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		var p problem.Problem
		if json.Unmarshal(b, &p) == nil && p.Code != "" {
			return &p
		}
		return fmt.Errorf("%s %s answered %s", method, path, res.Status)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}
