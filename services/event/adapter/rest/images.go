package rest

import (
	"context"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// imageTimeout is how long an image may take to arrive, and drawTimeout how long it may
// take then to be drawn, and stored.
const (
	imageTimeout = 30 * time.Second
	drawTimeout  = 25 * time.Second
)

// imageTypes are the media types of uploads.
var imageTypes = []string{"image/jpeg", "image/png", "image/webp"}

type imageInput struct {
	OneEvent
	Width       int    `path:"width" minimum:"1" maximum:"9999" doc:"One of the widths of the event's image" example:"960"`
	Version     string `query:"v" maxLength:"64" doc:"The etag of the event's image: what it names may be kept for ever" example:"9f2c4a7be01d5c88a4f0b1c2d3e4f506"`
	IfMatch     string `header:"If-Match" doc:"ETags: 412 where it is none of them"`
	IfNoneMatch string `header:"If-None-Match" doc:"An ETag: 304 where it is still that"`

	preconditions preconditions
}

// Resolve implements huma.Resolver.
func (in *imageInput) Resolve(ctx huma.Context) []error {
	in.preconditions = preconditionsOf(ctx)
	return in.ID.Resolve(ctx) // huma looks no further
}

type imageAnswer struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	ETag        string `header:"ETag"`
	Cache       string `header:"Cache-Control" doc:"For ever where v is the etag of the image; else it is to be asked for again"`
	Body        []byte
}

// exchangeKey is where an upload's request and response writer are.
type exchangeKey struct{}

type uploading struct {
	w http.ResponseWriter
	r *http.Request
}

// read returns the body and its media type.
func (u uploading) read() ([]byte, error) {
	in, refusal := httpkit.OpenBody(u.w, u.r, event.MaxImageBytes, imageTimeout, imageTypes...)
	if refusal != nil {
		return nil, refusal
	}
	// The server's own deadline is for answers that come sooner.
	_ = http.NewResponseController(u.w).SetWriteDeadline(time.Now().Add(imageTimeout + drawTimeout))
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, in.Refusal()
	}
	return body, nil
}

func (u uploading) mediaType() string {
	mediaType, _, _ := mime.ParseMediaType(u.r.Header.Get("Content-Type"))
	return mediaType
}

func registerImages(api huma.API, s *event.Service, guard *auth.Guard) {
	withExchange := func(ctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(ctx)
		next(huma.WithValue(ctx, exchangeKey{}, uploading{w, r}))
	}
	upload := &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{}, Extensions: map[string]any{httpkit.BodyLimit: int64(event.MaxImageBytes)},
	}
	for _, mediaType := range imageTypes {
		upload.Content[mediaType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}, Example: "…"}
	}
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "setImage", Method: http.MethodPut, Path: "/events/{id}/image", Tags: []string{"events"}, Middlewares: huma.Middlewares{withExchange},
		Summary: "Set an event's image",
		Description: "For its organizer or an admin: a JPEG, PNG or WebP of at most 8 MiB and 40 megapixels, at least 480 pixels wide. " +
			"It is drawn anew in up to three widths, none wider than the upload, upright and without anything but its pixels. An animated PNG stands still; an animated WebP is refused. " +
			"It counts as an edit of the event.",
		RequestBody: upload,
	},
		problem.EventNotFound, problem.EventCancelled, problem.PreconditionFailed, problem.ImageUnreadable, problem.ImageSize, problem.ValidationFailed,
	), identity.Organizer), func(ctx context.Context, in *OneEventIfMatch) (*eventAnswer, error) {
		match, err := in.preconditions.change()
		if err != nil {
			return nil, table.To(ctx, err)
		}
		u := ctx.Value(exchangeKey{}).(uploading)
		e, err := s.SetImage(ctx, auth.Caller(ctx), string(in.ID), match, u.mediaType(), u.read)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &eventAnswer{Status: http.StatusOK, ETag: etag(e, s.Now()), Body: toBody(e, s.Now())}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "removeImage", Method: http.MethodDelete, Path: "/events/{id}/image", Tags: []string{"events"},
		Summary: "Remove an event's image", Description: "For its organizer or an admin. It counts as an edit of the event, also where there is no image.",
	},
		problem.EventNotFound, problem.EventCancelled, problem.PreconditionFailed, problem.ValidationFailed,
	), identity.Organizer), func(ctx context.Context, in *OneEventIfMatch) (*struct{}, error) {
		match, err := in.preconditions.change()
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return nil, table.To(ctx, s.RemoveImage(ctx, auth.Caller(ctx), string(in.ID), match))
	})

	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "getImage", Method: http.MethodGet, Path: "/events/{id}/image/{width}", Tags: []string{"events"},
		Summary: "Get an event's image",
		Description: "At one of its widths. With v, the etag that the event says its image has, the answer is good for ever. " +
			"With another one, or without, it is the image as it is now, which is to be asked for again.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The image",
			Content:     map[string]*huma.MediaType{"image/jpeg": {Schema: &huma.Schema{Type: huma.TypeString}, Example: "…JFIF…"}},
		}},
	}, problem.EventNotFound, problem.ImageNotFound, problem.PreconditionFailed), func(ctx context.Context, in *imageInput) (*imageAnswer, error) {
		r, err := s.Rendition(ctx, string(in.ID), in.Width)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		out := &imageAnswer{Status: http.StatusOK, ContentType: "image/jpeg", ETag: `"` + r.ETag + `"`, Cache: "public, no-cache", Body: r.JPEG}
		if in.Version == r.ETag {
			out.Cache = "public, max-age=31536000, immutable"
		}
		switch status, err := in.preconditions.read(out.ETag); {
		case err != nil:
			return nil, table.To(ctx, err)
		case status == http.StatusNotModified:
			out.Status, out.Body = status, nil
		}
		return out, nil
	})
	httpkit.AlsoAnswers(api, "getImage", http.StatusNotModified, false, "Not changed since the ETag in If-None-Match")
}
