// Package inboxrest is the inbox over HTTP, the same in every consumer: the
// publisher asks for receipts, an admin looks at dead letters and replays them.
package inboxrest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
)

// Options is what the operations work on.
type Options struct {
	Store inbox.Store
	// Handlers are the consumer's own, by topic: what it subscribes with. A
	// replayed message goes through its topic's, which knows by the inbox
	// whether the effect is there already.
	Handlers map[string]broker.Handler
	Callers  []string         // the services that may ask for receipts: "booking"
	Now      func() time.Time // time.Now
	Log      *slog.Logger     // slog.Default(); gets a line for each replay
}

// maxIDs is how many receipts may be asked for at a time.
const maxIDs = 1000

var errReplayFailed = problem.NewRefusal(problem.ReplayFailed, "the handler refused the message again")

var table = httpkit.Errors{}

type receiptsRequest struct {
	IDs []string `json:"ids" minItems:"1" maxItems:"1000" format:"uuid" nullable:"false" doc:"Message ids"`
}

type receipts struct {
	Known []string `json:"known" nullable:"false" doc:"Those whose effect, or whose dead letter, is stored"`
}

// deadLetter shows everything but the data, which is about people.
type deadLetter struct {
	ID         string     `json:"id" doc:"The message's id" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Topic      string     `json:"topic" example:"bookings"`
	Type       string     `json:"type" example:"booking.confirmed.v1"`
	Source     string     `json:"source" example:"booking"`
	Subject    string     `json:"subject,omitempty" doc:"What the message is about: a booking's id" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Time       time.Time  `json:"time" doc:"When what it tells of happened"`
	Reason     string     `json:"reason" doc:"Why it could not be handled" example:"the data is no booking"`
	FailedAt   time.Time  `json:"failed_at"`
	ReplayedAt *time.Time `json:"replayed_at,omitempty" doc:"When it was replayed with success"`
	ReplayedBy string     `json:"replayed_by,omitempty" doc:"The admin's user id" format:"uuid"`
}

func toBody(d inbox.DeadLetter) deadLetter {
	b := deadLetter{
		ID: d.ID, Topic: d.Topic, Type: d.Message.Type, Source: d.Message.Source, Subject: d.Message.Subject,
		Time: d.Message.Time, Reason: d.Reason, FailedAt: d.FailedAt, ReplayedBy: d.ReplayedBy,
	}
	if d.Unreadable != nil {
		b.Reason += " (the stored message cannot be read)"
	}
	if !d.ReplayedAt.IsZero() {
		b.ReplayedAt = &d.ReplayedAt
	}
	return b
}

type cursor struct {
	After string `json:"dead_letter"`
}

// Register adds the operations to api.
func Register(api huma.API, guard *auth.Guard, o Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}

	huma.Register(api, guard.Service(api, huma.Operation{
		OperationID: "receipts", Method: http.MethodPost, Path: "/receipts", Tags: []string{"messages"},
		Summary:     "Say which messages have arrived",
		Description: "A publisher asks, and publishes again what is not known.",
	}, o.Callers...), func(ctx context.Context, in *struct{ Body receiptsRequest }) (*struct{ Body receipts }, error) {
		known, err := o.Store.Known(ctx, in.Body.IDs)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body receipts }{receipts{Known: known}}, nil
	})

	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listDeadLetters", Method: http.MethodGet, Path: "/dead-letters", Tags: []string{"messages"},
		Summary:     "List the messages that could not be handled",
		Description: "For admins, in the order of their ids. The messages' data is not shown.",
	}, identity.Admin), func(ctx context.Context, in *struct{ httpkit.Page }) (*struct{ Body httpkit.List[deadLetter] }, error) {
		page, err := list(ctx, o.Store, in.Page)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body httpkit.List[deadLetter] }{page}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "replayDeadLetter", Method: http.MethodPost, Path: "/dead-letters/{id}/replay", Tags: []string{"messages"},
		Summary:     "Handle a dead letter again",
		Description: "For admins. The stored message goes through its own handler under the same id, so that an effect it had already is not repeated. 409 when the handler refuses it again.",
	}, problem.DeadLetterNotFound, problem.ReplayFailed), identity.Admin), func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"200" doc:"The message's id"`
	}) (*struct{ Body deadLetter }, error) {
		d, err := replay(ctx, o, in.ID, auth.Caller(ctx).UserID)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body deadLetter }{toBody(d)}, nil
	})
}

func list(ctx context.Context, store inbox.Store, p httpkit.Page) (httpkit.List[deadLetter], error) {
	var c cursor
	if p.Cursor != "" {
		if err := httpkit.DecodeCursor(p.Cursor, &c); err != nil {
			return httpkit.List[deadLetter]{}, err
		}
		if c.After == "" {
			return httpkit.List[deadLetter]{}, httpkit.ErrCursor()
		}
	}
	letters, err := store.DeadLetters(ctx, c.After, p.Limit+1)
	if err != nil {
		return httpkit.List[deadLetter]{}, err
	}
	return httpkit.ListOf(letters, p.Limit, toBody, func(d inbox.DeadLetter) any { return cursor{After: d.ID} }), nil
}

// replay gives the dead letter to its handler and records by whom. Each try,
// successful or not, is a line in the log.
func replay(ctx context.Context, o Options, id, by string) (inbox.DeadLetter, error) {
	d, err := o.Store.DeadLetter(ctx, id)
	if err != nil {
		return d, err
	}
	log := o.Log.With("id", d.ID, "topic", d.Topic, "type", d.Message.Type, "by", by)
	if err := handle(ctx, o.Handlers[d.Topic], d); err != nil {
		log.WarnContext(ctx, "a dead letter was replayed and failed", "error", err)
		if broker.IsOutage(err) { // it has not been refused
			return d, err
		}
		return d, errReplayFailed
	}
	log.InfoContext(ctx, "a dead letter was replayed")
	if err := o.Store.MarkReplayed(ctx, d.ID, by, o.Now()); err != nil {
		return d, err
	}
	return o.Store.DeadLetter(ctx, d.ID)
}

// handle takes a panic for a failure, as a broker does.
func handle(ctx context.Context, h broker.Handler, d inbox.DeadLetter) (err error) {
	if d.Unreadable != nil {
		return d.Unreadable
	}
	if h == nil {
		return fmt.Errorf("nobody handles the topic %q", d.Topic)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return h(ctx, d.Message)
}
