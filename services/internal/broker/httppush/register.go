package httppush

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Options is what the operation works on.
type Options struct {
	Publisher broker.Publisher // takes what comes: the consumer's own broker
	Seals     seal.Opener      // of the topics that the consumer has subscribed to there
	Log       *slog.Logger     // slog.Default(); says why a message was not taken
}

const path = "/messages/{topic}"

// maxMessage is how large a message may be, in bytes. One about a booking of 20
// ticket types has 50 KiB at most.
const maxMessage = 256 << 10

type input struct {
	Topic   string `path:"topic" example:"bookings"`
	RawBody []byte `contentType:"application/cloudevents+json"`
}

// Register adds the operation by which a Publisher hands over a message to api.
// It answers 202 when o.Publisher has taken the message, and 503 with
// Retry-After when that fails, so that the message comes again. A message that the
// topic's publisher has not sealed is refused with 403.
func Register(api huma.API, guard *auth.Guard, o Options) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "takeMessage", Method: http.MethodPost, Path: path, Tags: []string{"messages"},
		Summary:       "Take a message",
		Description:   "A publisher hands over a message of a topic, sealed with its own key (`signature`). The answer does not mean that the message is stored: the receipts say that.",
		DefaultStatus: http.StatusAccepted,
		MaxBodyBytes:  maxMessage,
	}, problem.RouteNotFound), slices.Compact(slices.Sorted(maps.Values(o.Seals.Publishers)))...), func(ctx context.Context, in *input) (*struct{}, error) {
		return nil, take(ctx, o, in)
	})
	// huma documents a raw body as binary.
	content := api.OpenAPI().Paths[path].Post.RequestBody.Content[cloudevent.ContentType]
	schemas := api.OpenAPI().Components.Schemas
	content.Schema = schemas.Schema(reflect.TypeFor[events.Message](), true, "Message")
	content.Example = httpkit.Example(schemas, content.Schema)
	// What is taken is any CloudEvent, with or without what ours always have.
	message := schemas.SchemaFromRef(content.Schema.Ref)
	message.Required, message.AdditionalProperties = []string{"specversion", "id", "source", "type"}, true
}

func take(ctx context.Context, o Options, in *input) error {
	if _, heard := o.Seals.Publishers[in.Topic]; !heard {
		return httpkit.NewProblem(http.StatusNotFound, problem.RouteNotFound, "Nobody here hears this topic.")
	}
	envelope, sealed := o.Seals.Open(in.Topic, in.RawBody)
	m, err := cloudevent.Decode(envelope)
	switch {
	case errors.Is(err, cloudevent.ErrSyntax):
		return httpkit.NewProblem(http.StatusBadRequest, problem.MalformedBody, "The body is "+err.Error()+".")
	case err != nil:
		return httpkit.Errors{}.To(ctx, err)
	case !sealed:
		o.Log.WarnContext(ctx, "a message that its publisher has not sealed was refused", "topic", in.Topic, "id", m.ID, "type", m.Type)
		return httpkit.NewProblem(http.StatusForbidden, problem.Forbidden, "The message does not bear its publisher's seal.")
	}
	if err := o.Publisher.Publish(ctx, in.Topic, m); err != nil {
		o.Log.WarnContext(ctx, "a message was not taken", "topic", in.Topic, "id", m.ID, "type", m.Type, "error", err)
		return httpkit.NewProblem(http.StatusServiceUnavailable, problem.Unavailable,
			"The message cannot be taken now. Try again.").WithRetryAfter(1)
	}
	return nil
}
