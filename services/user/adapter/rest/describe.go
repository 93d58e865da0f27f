package rest

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// oauthErrors are the errors of RFC 6749 §5.2 (slow_down: RFC 8628), and of
// each the status that it comes with.
var oauthErrors = map[int][]any{
	http.StatusBadRequest:            {"invalid_request", "invalid_grant", "unsupported_grant_type"},
	http.StatusRequestTimeout:        {"invalid_request"},
	http.StatusRequestEntityTooLarge: {"invalid_request"},
	http.StatusUnsupportedMediaType:  {"invalid_request"},
	http.StatusTooManyRequests:       {"slow_down"},
	http.StatusInternalServerError:   {"server_error"},
	http.StatusServiceUnavailable:    {"temporarily_unavailable"},
}

// describeToken adds what is served without huma, because it speaks OAuth 2.0
// and not problem+json, to the document.
func describeToken(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas
	body := func(required string, fields map[string]*huma.Schema) *huma.RequestBody {
		return &huma.RequestBody{
			Required: true,
			Content: map[string]*huma.MediaType{formType: {
				Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{required}, Properties: fields},
			}},
			Extensions: map[string]any{httpkit.BodyLimit: maxForm},
		}
	}
	text := func(example string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Examples: []any{example}}
	}
	one := 1
	const random = "bYT2m3RqFq0u4wq8pEJ5lQ3uP1gq0w8y3e5K6zvJx1c"
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "token", Method: http.MethodPost, Path: "/token", Tags: []string{"tokens"},
		Summary:     "Get an access token",
		Description: "OAuth 2.0: grant_type=password with username and password, or grant_type=refresh_token with refresh_token. After too many wrong passwords of an account from one address it answers slow_down, and while too many log in at once temporarily_unavailable, both with Retry-After.",
		RequestBody: body("grant_type", map[string]*huma.Schema{
			"grant_type":    {Type: huma.TypeString, Enum: []any{"password", "refresh_token"}},
			"username":      text("ada@example.com"),
			"password":      text("a sparrow in the organ"),
			"refresh_token": text(random),
		}),
		Responses: oauthResponses(schemas, jsonResponse("The tokens", schemas.Schema(reflect.TypeFor[tokenBody](), true, "Tokens"))),
	})
	revoked := oauthResponses(schemas, &huma.Response{Description: "The session is over"})
	delete(revoked, "429") // a token cannot be guessed
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "revokeToken", Method: http.MethodPost, Path: "/token/revoke", Tags: []string{"tokens"},
		Summary:     "End the session of a refresh token",
		Description: "RFC 7009: a token that is not known is answered 200, too.",
		RequestBody: body("token", map[string]*huma.Schema{
			"token": {Type: huma.TypeString, MinLength: &one, Examples: []any{random}}, "token_type_hint": text("refresh_token"),
		}),
		Responses: revoked,
	})
}

// oauthResponses are all responses of an operation that succeeds like that.
// What the router refuses before it, or recovers from, is a problem here, too.
func oauthResponses(schemas huma.Registry, success *huma.Response) map[string]*huma.Response {
	all := httpkit.Refusals(problem.BadRequest, problem.Internal)
	all["200"] = success
	schema := schemas.Schema(reflect.TypeFor[oauthError](), true, "OAuthError")
	for _, status := range slices.Sorted(maps.Keys(oauthErrors)) {
		r := jsonResponse("As RFC 6749 §5.2 says", &huma.Schema{AllOf: []*huma.Schema{
			schema, {Properties: map[string]*huma.Schema{"error": {Enum: oauthErrors[status]}}},
		}})
		r.Content["application/json"].Example = oauthError{Error: oauthErrors[status][0].(string), Description: "What happened, for people"}
		if same := all[strconv.Itoa(status)]; same != nil {
			maps.Copy(r.Content, same.Content)
		}
		all[strconv.Itoa(status)] = r
	}
	return all
}

func jsonResponse(description string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}
