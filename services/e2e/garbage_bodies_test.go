package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

func garbageBodies(t *testing.T, p *platform, routes []route) {
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	for _, r := range routes {
		if r.body == nil {
			continue
		}
		for what, garbage := range map[string]string{
			"nothing": "", "null": "null", "an array": "[]", "a number": "7", "a text": `"x"`, "half an object": `{"a":`, "two objects": "{} {}",
			"words": "hello", "XML": "<a/>", "bad UTF-8": "{\"name\":\"\xff\xfe\"}", "NUL": `{"name":"\u0000"}`, "a bare NUL": "{\"name\":\"\x00\"}",
			"half a surrogate pair": `{"unheard":"\ud800"}`, "a deep array": strings.Repeat("[", 100_000), "a deep object": deep, "a huge number": `{"unheard":1e999}`,
			"unknown fields": `{"unheard":"of"}`, "a form": "a=b&c=d",
		} {
			res, err := p.try(r, r.withID(), content("application/json", []byte(garbage)))
			mustRefuse(t, what, r, res, err)
		}
		// Each field in turn is everything that it should not be.
		for field := range r.body {
			for _, wrong := range []string{
				`null`, `true`, `-1`, `0`, `7.5`, `1e999`, `99999999999999999999999999`, `-9223372036854775808`, `""`, `"x"`, `"\u0000"`, `"😀"`, `[]`, `{}`, `[[]]`,
				`[null]`, `[{}]`, `{"a":{"b":{}}}`, `"` + strings.Repeat("x", 70_000) + `"`, `"2030-99-99T00:00:00Z"`, `"10000-01-01T00:00:00Z"`, `"0000-00-00T00:00:00+99:99"`,
			} {
				b, err := json.Marshal(changed(r.body, field, json.RawMessage(`"\uE000"`)))
				if err != nil {
					t.Fatal(err)
				}
				b = bytes.Replace(b, []byte(`"\uE000"`), []byte(wrong), 1)
				if bytes.Equal(b, []byte(wrong)) {
					t.Fatal("nothing was replaced")
				}
				res, err := p.try(r, r.withID(), content("application/json", b))
				mayRefuse(t, fmt.Sprintf("%s = %.40s", field, wrong), r, res, err)
			}
		}
	}
}

// endless hides the length of a body.
type endless struct{ io.Reader }

func largeBodies(t *testing.T, p *platform, routes []route) {
	large := append([]byte(`{"name":"`), bytes.Repeat([]byte("a"), 10<<20)...)
	large = append(large, `"}`...)
	chunked := func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(endless{bytes.NewReader(large)}), -1
		r.Header.Set("Content-Type", "application/json")
	}
	for _, r := range routes {
		if r.body == nil {
			continue
		}
		for what, o := range map[string]option{"10 MiB": content("application/json", large), "10 MiB in chunks": chunked} {
			var res *answer
			// The server may hang up before it has read all: then the client
			// may miss the answer, and tries again.
			err := poll(patience, func() (err error) {
				res, err = p.try(r, r.withID(), o)
				return err
			})
			mustRefuse(t, what, r, res, err)
			if err == nil && res.status == http.StatusRequestEntityTooLarge {
				res.refused(t, http.StatusRequestEntityTooLarge, problem.BodyTooLarge)
			} else if err == nil && res.status != http.StatusUnauthorized {
				t.Errorf("%s %s%s with %s: %d", r.method, r.at, r.path, what, res.status)
			}
		}
	}
}

func garbageMediaTypes(t *testing.T, p *platform, routes []route) {
	for _, r := range routes {
		if r.body == nil {
			continue
		}
		b, err := json.Marshal(r.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, mediaType := range []string{
			"text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
			"application/cbor", "application/octet-stream", "image/png", "///", "text/html; charset=\xff",
		} {
			res, err := p.try(r, r.withID(), content(mediaType, b))
			mustRefuse(t, mediaType, r, res, err)
		}
		for _, o := range []option{
			header("Accept", "application/xml"), header("Accept", "text/event-stream"), header("Accept", "///"), header("Accept", "application/cbor"), header("Content-Encoding", "gzip"),
			header("Accept-Encoding", "nonsense"), header("Expect", "nonsense"), header("Range", "bytes=5-1"), header("If-Match", `"`), header("If-None-Match", ",,,"),
			header("Idempotency-Key", strings.Repeat("k", 8000)), header("traceparent", "00-zz"), header("Content-Type", ""),
		} {
			res, err := p.try(r, r.withID(), content("application/json", b), o)
			if res != nil && res.status == http.StatusExpectationFailed {
				continue // net/http answers this before anything of ours
			}
			mayRefuse(t, "odd headers", r, res, err)
		}
	}
}

func garbageForms(t *testing.T, p *platform) {
	const urlencoded = "application/x-www-form-urlencoded"
	for _, path := range []string{"/token", "/token/revoke"} {
		for what, o := range map[string]option{
			"nothing": content(urlencoded, nil), "no media type": content("", []byte("grant_type=password")), "JSON": body(obj{"grant_type": "password"}),
			"JSON as a form": content(urlencoded, []byte(`{"grant_type":"password"}`)), "bad UTF-8": form("grant_type", "password", "username", "\xff", "password", "\xff", "token", "\xff"),
			"NUL": form("grant_type", "password", "username", "\x00", "password", "\x00", "token", "\x00"), "bad escapes": content(urlencoded, []byte("grant_type=%zz&token=%")),
			"semicolons": content(urlencoded, []byte("grant_type=a;b=c")), "thousands": content(urlencoded, []byte(strings.Repeat("a=b&", 5000))),
			"repeated":  content(urlencoded, []byte("grant_type=password&grant_type=password&token=a&token=b")),
			"multipart": content("multipart/form-data; boundary=x", []byte("--x--")), "10 MiB": content(urlencoded, bytes.Repeat([]byte("a"), 10<<20)),
			"an odd media type": content("///", []byte("grant_type=password")), "an array": form("grant_type[]", "password", "token[]", "x"),
		} {
			var res *answer
			err := poll(patience, func() (err error) {
				res, err = p.send(http.MethodPost, gateway, path, o, header("X-Forwarded-For", nextAddress()))
				return err
			})
			refusedForm(t, path, what, res, err)
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, "NONSENSE"} {
			res, err := p.send(method, gateway, path, form("token", "x"))
			if err == nil && res.header.Get("Content-Type") == problem.ContentType {
				mustRefuse(t, method, route{method, gateway, path, nil, nil}, res, err)
				continue
			}
			refusedForm(t, path, method, res, err)
		}
	}
}

func refusedForm(t *testing.T, path, what string, res *answer, err error) {
	t.Helper()
	if err == nil && (res.status < 400 || res.status > 499) {
		err = fmt.Errorf("%d %.300s", res.status, res.body)
	}
	if err == nil {
		_, err = res.oauth()
	}
	if err != nil {
		t.Errorf("%s with %s: %v", path, what, err)
	}
}

// generatedGarbage mixes everything at random.
func generatedGarbage(t *testing.T, p *platform, routes []route) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	for range 1500 {
		r := routes[g.IntN(len(routes))]
		path := r.withID()
		if g.IntN(3) == 0 {
			path += "?" + []string{"limit", "cursor", "q", "from", "sort", "status"}[g.IntN(6)] + "=" + g.escaped()
		}
		options := []option{}
		if r.body != nil || g.IntN(5) == 0 {
			options = append(options, content("application/json", []byte(g.mutated(r.body))))
		}
		if g.IntN(5) == 0 {
			options = append(options, header([]string{"If-Match", "Idempotency-Key", "If-None-Match", "traceparent", "Accept"}[g.IntN(5)], g.visible()))
		}
		res, err := p.try(r, path, options...)
		mayRefuse(t, "nonsense", r, res, err)
	}
}
