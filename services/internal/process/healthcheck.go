package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// healthcheck asks /readyz of the service that runs beside it, in a container
// that has no other program to ask with.
func (s Service[C]) healthcheck(ctx context.Context, st *starting[C]) error {
	addr, variable := s.Addr(st.service)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	res, err := httpkit.NewHTTPClient().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(body)))
	}
	return nil
}
