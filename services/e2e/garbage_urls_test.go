package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func garbageQueries(t *testing.T, p *platform, routes []route) {
	for _, r := range routes {
		if r.method != http.MethodGet {
			continue
		}
		lists := strings.HasSuffix(r.path, "s") && r.path != "/users/me" || r.path == "/bookings/user/{id}" || strings.HasSuffix(r.path, "ledger")
		for _, query := range []string{
			"limit=-1", "limit=0", "limit=101", "limit=ten", "limit=1e1", "limit=99999999999999999999", "limit=", "limit=0x10", "limit=%F0%9F%98%80", "limit=1&limit=2",
			"cursor=x", "cursor=%00", "cursor=e30", "cursor=bnVsbA", "cursor=W10", "cursor=eyJhIjo3fQ", "cursor=" + strings.Repeat("A", 3000), "cursor=_-%3D%3D",
		} {
			res, err := p.try(r, r.withID()+"?"+query)
			if lists && query != "limit=" && query != "limit=1&limit=2" {
				mustRefuse(t, query, r, res, err)
			} else {
				mayRefuse(t, query, r, res, err)
			}
		}
		for _, query := range []string{"q=%ff", "q=%zz", "%ff=1", "a=1;b=2", "q=%00", "%00"} {
			res, err := p.try(r, r.withID()+"?"+query)
			mustRefuse(t, query, r, res, err)
		}
		for _, query := range []string{
			"q=" + strings.Repeat("x", 5000), "q=%25%5f%27%22--", "q=%22%20OR%201%3D1", "category=%E2%80%AE", "from=x", "to=-1", "from=10000-01-01T00:00:00Z", "sort=", "sort=price;drop",
			"status=x", "booking_id=x", "booking_id=%27", "unheard=of", "&&&===", strings.Repeat("a&", 500), "q[]=1",
		} {
			res, err := p.try(r, r.withID()+"?"+query)
			mayRefuse(t, query, r, res, err)
		}
	}
}

func garbagePaths(t *testing.T, p *platform, routes []route) {
	for _, r := range routes {
		if !strings.Contains(r.path, "{id}") {
			continue
		}
		id := uuid.NewString()
		for _, garbage := range []string{
			"x", "0", "-1", "%00", "%ff", "%2e%2e", "..%2f..", "%2F", strings.Repeat("a", 5000), "%7B" + id + "%7D", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id + "x", id[1:],
			"%F0%9F%98%80", "'", "%22", "1%20OR%201", "%0d%0aSet-Cookie:x", "null", "undefined", "$where", "%25", "*",
		} {
			options := []option{}
			if r.body != nil {
				options = append(options, body(r.body))
			}
			res, err := p.try(r, strings.Replace(r.path, "{id}", garbage, 1), options...)
			mustRefuse(t, "the id "+garbage, r, res, err)
		}
	}
}

func garbageMethods(t *testing.T, p *platform, routes []route) {
	for _, r := range routes {
		for _, method := range []string{http.MethodTrace, http.MethodOptions, http.MethodPatch, "PROPFIND", "get", "NONSENSE"} {
			if method == r.method {
				continue
			}
			other := r
			other.method = method
			res, err := p.try(other, r.withID())
			mustRefuse(t, "the method "+method, other, res, err)
		}
	}
}

func garbageTokens(t *testing.T, p *platform, c *account, routes []route) {
	forged := forgeries(t, p, c)
	for _, r := range routes {
		// Where nobody needs a token nobody looks at it.
		req, err := http.NewRequest(r.method, "http://x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.caller(req)
		if req.Header.Get("Authorization") == "" {
			continue
		}
		for what, token := range forged {
			options := []option{header("Authorization", "Bearer "+token)}
			if r.body != nil {
				options = append(options, body(r.body))
			}
			res, err := p.try(r, r.withID(), options...)
			if mustRefuse(t, what, r, res, err); err == nil && res.status != http.StatusUnauthorized {
				// At the gateway a path may be refused first.
				t.Errorf("%s %s%s with %s: %d, want 401", r.method, r.at, r.path, what, res.status)
			}
		}
		for _, authorization := range []string{"", "Bearer", "Bearer ", "bearer  ", "Basic YTpi", "Bearer a b", "Bearer \x80", "Digest x", strings.Repeat("x", 10_000)} {
			res, err := p.try(r, r.withID(), header("Authorization", authorization))
			mustRefuse(t, "Authorization: "+authorization[:min(20, len(authorization))], r, res, err)
		}
	}
}
