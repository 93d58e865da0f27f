package rest

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// describeToken adds what is served without huma, because it speaks OAuth 2.0
// and not problem+json, to the document.
func describeToken(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas
	failure := jsonResponse("As RFC 6749 §5.2 says; slow_down (429, with Retry-After) after too many wrong passwords from one address",
		schemas.Schema(reflect.TypeFor[oauthError](), true, "OAuthError"))
	text := &huma.Schema{Type: huma.TypeString}
	body := func(required []string, names ...string) *huma.RequestBody {
		s := &huma.Schema{Type: huma.TypeObject, Required: required, Properties: map[string]*huma.Schema{}}
		for _, n := range names {
			s.Properties[n] = text
		}
		return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-www-form-urlencoded": {Schema: s}}}
	}
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "token", Method: http.MethodPost, Path: "/token", Tags: []string{"tokens"},
		Summary:     "Get an access token",
		Description: "OAuth 2.0: grant_type=password with username and password, or grant_type=refresh_token with refresh_token.",
		RequestBody: body([]string{"grant_type"}, "grant_type", "username", "password", "refresh_token"),
		Responses: map[string]*huma.Response{
			"200":     jsonResponse("The tokens", schemas.Schema(reflect.TypeFor[tokenBody](), true, "Tokens")),
			"default": failure,
		},
	})
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "revokeToken", Method: http.MethodPost, Path: "/token/revoke", Tags: []string{"tokens"},
		Summary:     "End the session of a refresh token",
		Description: "RFC 7009: a token that is not known is answered 200, too.",
		RequestBody: body([]string{"token"}, "token"),
		Responses:   map[string]*huma.Response{"200": {Description: "The session is over"}, "default": failure},
	})
}

func jsonResponse(description string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}
