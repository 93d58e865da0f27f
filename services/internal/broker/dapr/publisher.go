package dapr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
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

// maxCall is how large the messages of one call are, as they are sealed, unless it
// has only one: a sidecar takes calls of 4 MiB.
const maxCall = 1 << 20

// entry is a message in a call of Dapr's bulk API.
type entry struct {
	ID string `json:"entryId"`
	// Event is the sealed envelope as a text: a sidecar writes JSON anew, which
	// would break the seal.
	Event       string `json:"event"`
	ContentType string `json:"contentType"`
}

// Publish hands the messages to the sidecar, in as few calls as their size
// allows. Nil means that the sidecar says that RabbitMQ has them; it does not
// always know.
func (p *Publisher) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	failed := broker.BatchError{}
	var call []entry
	size := 0
	send := func() {
		if len(call) > 0 {
			maps.Copy(failed, p.call(ctx, topic, call, trace(batch)))
		}
		call, size = nil, 0
	}
	seen := map[string]bool{} // the sidecar refuses a call with an ID twice
	for _, m := range batch {
		envelope, err := cloudevent.Encode(m)
		if err != nil {
			failed[m.ID] = err
			continue
		}
		if seen[m.ID] {
			continue
		}
		seen[m.ID] = true
		sealed := seal.Seal(topic, envelope, p.key)
		if size+len(sealed) > maxCall {
			send()
		}
		call, size = append(call, entry{m.ID, string(sealed), "text/plain"}), size+len(sealed)
	}
	send()
	return failed.Err()
}

// trace is that of the request behind the messages, to which the call belongs,
// where there is one.
func trace(batch []events.Message) (traceParent string) {
	for _, m := range batch {
		if m.TraceParent != batch[0].TraceParent {
			return ""
		}
	}
	return batch[0].TraceParent
}

// call hands over the messages of one call, and returns the errors of those that
// are not published.
func (p *Publisher) call(ctx context.Context, topic string, entries []entry, traceParent string) broker.BatchError {
	refused, err := p.post(ctx, topic, entries, traceParent)
	if err == nil {
		return nil
	}
	all, failed := broker.BatchError{}, broker.BatchError{}
	for _, e := range entries {
		all[e.ID] = err
		if why, ok := refused[e.ID]; ok {
			failed[e.ID] = fmt.Errorf("%w: %s", err, why)
		}
	}
	if len(failed) == 0 { // the sidecar refuses the call
		return all
	}
	return failed
}

// post returns an error unless every entry is published, and with it the reason
// of each that the sidecar names.
func (p *Publisher) post(ctx context.Context, topic string, entries []entry, traceParent string) (refused map[string]string, err error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // escaped, a text is up to six times as long, else twice
	if err := encoder.Encode(entries); err != nil {
		return nil, err
	}
	// components/ has one for each topic, of its name.
	component := url.PathEscape(topic)
	u := p.base.JoinPath("v1.0", "publish", "bulk", component, url.PathEscape(topic))
	u.RawQuery = "metadata.rawPayload=true"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("dapr-api-token", p.token)
	}
	if traceParent != "" {
		span := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceParent})
		propagation.TraceContext{}.Inject(span, propagation.HeaderCarrier(req.Header))
	}
	res, err := p.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", httpkit.ErrUnavailable, err)
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", httpkit.ErrUnavailable, err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil, nil
	}
	var refusal struct {
		Code   string `json:"errorCode"`
		Failed []struct {
			ID    string `json:"entryId"`
			Error string `json:"error"`
		} `json:"failedEntries"`
	}
	if json.Unmarshal(answer, &refusal) == nil { // else it names none
		refused = make(map[string]string, len(refusal.Failed))
		for _, f := range refusal.Failed {
			refused[f.ID] = f.Error
		}
	}
	return refused, fmt.Errorf("%w: publishing to %q: the sidecar answered %s %s", httpkit.ErrUnavailable, topic, res.Status, refusal.Code)
}
