package httpkit

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	swgui "github.com/swaggest/swgui/v5emb"
)

// Version is what the OpenAPI documents call this version of the API.
const Version = "1.0.0"

// NewAPI returns an API on mux: JSON in UTF-8 alone, unknown fields refused,
// problems for errors, the document at /openapi.json and a page to browse it at
// /docs that needs no network.
func NewAPI(mux *chi.Mux, title, description string) huma.API {
	config := huma.DefaultConfig(title, Version)
	config.Info.Description = description
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil // no $schema links in answers
	config.Transformers = []huma.Transformer{addTrace}
	config.OnAddOperation = append(config.OnAddOperation, documentRefusals, documentExamples, documentLeniency, onceEach, boundBody)
	format := huma.Format{Marshal: marshal, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		SchemeBearer:     {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An access token of POST /token on the user service."},
		SchemeService:    {Type: "apiKey", In: "header", Name: "X-Service-Token", Description: "For other services alone. A JWT of at most 5 minutes, typ `service+jwt`, that the calling service has signed with its own Ed25519 key: `iss` is the caller, `aud` this service."},
		SchemeBookingKey: {Type: "apiKey", In: "header", Name: BookingKey, Description: "The key in a link to one booking, in place of an access token. Where an operation takes either and a request has both, the access token alone counts. A key that opens nothing is answered as a booking that does not exist."},
	}
	docs := problems(swgui.New(title, "/openapi.json", "/docs"))
	mux.Get("/docs", docs)
	mux.Get("/docs/*", docs)
	return humachi.New(mux, config)
}

// The names of the security schemes in the OpenAPI documents.
const (
	SchemeBearer     = "bearer"
	SchemeService    = "service"
	SchemeBookingKey = "booking_key"
)

// BookingKey is the header of SchemeBookingKey.
const BookingKey = "Booking-Key"

// Page is the part of a list's input that every list has.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many items at most; a page of large ones has fewer"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before; opaque"`
}

// List is how every list is answered. NextCursor is null on the last page. ListOf
// makes it.
type List[T any] struct {
	Items      []T     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" example:"eyJhIjoiMDE4OTBhNWQtYWM5Ni03NzRiLWJjY2UtYjMwMjA5OWE4MDU3In0" doc:"Give it as ?cursor= for the next page; null on the last"`

	cursor func(last int) string // of a page that ends with that item
}
