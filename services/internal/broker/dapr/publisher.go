package dapr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Publisher is the broker.Publisher of a service with a sidecar.
type Publisher struct {
	base    *url.URL
	token   string
	key     *auth.ServiceKey
	timeout time.Duration
	http    *http.Client
}

var _ broker.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher by the sidecar at base
// ("http://127.0.0.1:3500"), which wants to see token, DAPR_API_TOKEN. Messages
// are sealed with key, by which consumers know whose they are. Each Publish takes
// at most timeout.
func NewPublisher(base, token string, key *auth.ServiceKey, timeout time.Duration) (*Publisher, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the URL of a sidecar", base)
	}
	return &Publisher{u, token, key, timeout, httpkit.NewHTTPClient()}, nil
}

// Publish hands m to the sidecar. Nil means that the sidecar says that RabbitMQ
// has it; it does not always know.
func (p *Publisher) Publish(ctx context.Context, topic string, m events.Message) error {
	envelope, err := cloudevent.Encode(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	// components/ has one for each topic, of its name.
	component := url.PathEscape(topic)
	u := p.base.JoinPath("v1.0", "publish", component, url.PathEscape(topic))
	u.RawQuery = "metadata.rawPayload=true"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(seal.Seal(topic, envelope, p.key)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", cloudevent.ContentType)
	if p.token != "" {
		req.Header.Set("dapr-api-token", p.token)
	}
	if m.TraceParent != "" {
		// The call belongs to the trace of the request behind the message.
		trace := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": m.TraceParent})
		propagation.TraceContext{}.Inject(trace, propagation.HeaderCarrier(req.Header))
	}
	res, err := p.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", httpkit.ErrUnavailable, err)
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("%w: %w", httpkit.ErrUnavailable, err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	var refusal struct {
		Code string `json:"errorCode"`
	}
	_ = json.Unmarshal(answer, &refusal) // what it is not, it does not say
	return fmt.Errorf("%w: publishing to %q: the sidecar answered %s %s", httpkit.ErrUnavailable, topic, res.Status, refusal.Code)
}
