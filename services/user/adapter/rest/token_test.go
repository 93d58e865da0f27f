package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// wantOAuth checks that a is an answer of RFC 6749 §5.2.
func wantOAuth(t *testing.T, what string, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.field(t, "error") != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, code)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %v", what, a.header)
	}
	for _, c := range a.field(t, "error_description") {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			t.Errorf("%s: the description may not have %q", what, c)
		}
	}
}

func TestTokenAnswersAsRFC6749Says(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	a := s.login("ada@example.com", password, "")
	var body struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatal(err)
	}
	if a.status != 200 || body.TokenType != "Bearer" || body.ExpiresIn != 900 || body.AccessToken == "" || len(body.RefreshToken) != 43 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", a.header)
	}
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	const form = "application/x-www-form-urlencoded"
	good := url.Values{"grant_type": {"password"}, "username": {"ada@example.com"}, "password": {password}}.Encode()
	for _, c := range []struct {
		contentType, body string
		status            int
		code              string
	}{
		{form, "", 400, "invalid_request"},
		{form, "grant_type=", 400, "invalid_request"},
		{form, "username=ada@example.com&password=x", 400, "invalid_request"},
		{form, "grant_type=password&username=ada@example.com", 400, "invalid_request"},
		{form, "grant_type=password&username=&password=x", 400, "invalid_request"},
		{form, "grant_type=refresh_token", 400, "invalid_request"},
		{form, "grant_type=client_credentials", 400, "unsupported_grant_type"},
		{form, "grant_type=Password&username=a&password=b", 400, "unsupported_grant_type"},
		{form, "grant_type=refresh_token&refresh_token=x", 400, "invalid_grant"},
		{form, good + "&password=x", 400, "invalid_request"},
		{form, good + "&scope=a&scope=b", 400, "invalid_request"},
		{form, good + ";x=y", 400, "invalid_request"},
		{form, good + "&x=%zz", 400, "invalid_request"},
		{form, good + "&x=%ff", 400, "invalid_request"},
		{form, good + "&x=%00", 400, "invalid_request"},
		{form, strings.Repeat("a&", 1000), 400, "invalid_request"},
		{"application/json", `{"grant_type":"password"}`, 415, "invalid_request"},
		{"", good, 415, "invalid_request"},
		{"multipart/form-data; boundary=x", good, 415, "invalid_request"},
	} {
		a := s.do(request{method: "POST", path: "/token", body: c.body, header: http.Header{"Content-Type": {c.contentType}}})
		wantOAuth(t, fmt.Sprintf("%s %.60q", c.contentType, c.body), a, c.status, c.code)
	}
	a := s.do(request{method: "POST", path: "/token", body: "\x1f\x8b", header: http.Header{"Content-Type": {form}, "Content-Encoding": {"gzip"}}})
	wantOAuth(t, "gzip", a, 415, "invalid_request")
	if got := a.header.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("gzip: Accept-Encoding %q, want identity", got)
	}
	for _, length := range []int64{-1, 10 << 20} {
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/token", strings.NewReader(strings.Repeat("x", 10<<20)))
		req.Header.Set("Content-Type", form)
		req.ContentLength = length
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, req)
		wantOAuth(t, "10 MiB", answer{w.Code, w.Header(), w.Body.String()}, 413, "invalid_request")
	}
	for _, path := range []string{"/token", "/token/revoke"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			a := s.do(request{method: method, path: path})
			wantOAuth(t, method, a, 405, "invalid_request")
			if a.header.Get("Allow") != "POST" {
				t.Errorf("%s %s: Allow %q", method, path, a.header.Get("Allow"))
			}
		}
	}
	// What is not known is ignored; a query is no body.
	a = s.do(request{
		method: "POST", path: "/token?grant_type=x", body: good + "&client_id=app&scope=",
		header: http.Header{"Content-Type": {"Application/X-WWW-Form-Urlencoded ; charset=UTF-8"}},
	})
	if a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestUnknownAccountAndWrongPasswordAreTheSame(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	answers := map[string]bool{}
	for _, email := range []string{"ada@example.com", "bob@example.com", "no address", strings.Repeat("x", 10_000)} {
		s.compared.Store(0)
		a := s.login(email, "wrong password", "")
		wantOAuth(t, email[:10], a, 400, "invalid_grant")
		answers[a.body] = true
		if n := s.compared.Load(); n != 1 {
			t.Errorf("%.20s: %d hashes compared, want 1", email, n)
		}
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

func TestRefreshAndRevoke(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, first := s.ada()
	a := s.refresh(first)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	second := a.field(t, "refresh_token")
	repeat := s.refresh(first)
	if got := repeat.field(t, "refresh_token"); repeat.status != 200 || got != second {
		t.Errorf("a repeat: %d with %q, want 200 with %q", repeat.status, got, second)
	}
	if a = s.refresh(second); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantOAuth(t, "a token whose successor is used", s.refresh(first), 400, "invalid_grant")
	wantOAuth(t, "its family", s.refresh(a.field(t, "refresh_token")), 400, "invalid_grant")

	third := s.login("ada@example.com", password, "").field(t, "refresh_token")
	revoke := func(form url.Values) answer {
		return s.do(request{method: "POST", path: "/token/revoke", body: form})
	}
	for _, token := range []string{third, third, "unknown"} {
		if a := revoke(url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}); a.status != 200 || a.body != "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	wantOAuth(t, "a revoked token", s.refresh(third), 400, "invalid_grant")
	wantOAuth(t, "no token", revoke(url.Values{}), 400, "invalid_request")
	wantOAuth(t, "two tokens", revoke(url.Values{"token": {"a", "b"}}), 400, "invalid_request")
	wantOAuth(t, "JSON", s.do(request{method: "POST", path: "/token/revoke", body: `{"token":"x"}`}), 415, "invalid_request")
}

func TestManyWithOneRefreshTokenAreGivenOneSuccessor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, token := s.ada()
	answers := make([]answer, 32)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = s.refresh(token) })
	}
	wg.Wait()
	successors := map[string]bool{}
	for _, a := range answers {
		if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		successors[a.field(t, "refresh_token")] = true
	}
	if len(successors) != 1 {
		t.Errorf("%d successors, want 1", len(successors))
	}
	for next := range successors {
		if a := s.refresh(next); a.status != 200 {
			t.Errorf("the successor: %d %s", a.status, a.body)
		}
	}
}
