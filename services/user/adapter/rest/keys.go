package rest

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// jwk is an Ed25519 public key (RFC 8037).
type jwk struct {
	KeyType   string `json:"kty" enum:"OKP"`
	Curve     string `json:"crv" enum:"Ed25519"`
	X         string `json:"x" doc:"The public key, base64url" example:"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	ID        string `json:"kid" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Algorithm string `json:"alg" enum:"EdDSA"`
	Use       string `json:"use" enum:"sig"`
}

type keySet struct {
	// Less than user.KeyDelay: nobody is left with a set that lacks the key
	// that signs.
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []jwk `json:"keys" nullable:"false"`
	}
}

type rotated struct {
	Body struct {
		KeyID     string    `json:"key_id" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
		SignsFrom time.Time `json:"signs_from" doc:"Until then the key before it signs"`
	}
}

func (h *handlers) registerKeys(api huma.API, guard *auth.Guard) {
	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "getKeys", Method: http.MethodGet, Path: "/.well-known/jwks.json", Tags: []string{"tokens"},
		Summary: "Get the keys that verify access tokens", Description: "A JSON Web Key Set (RFC 7517).",
	}), func(ctx context.Context, _ *struct{}) (*keySet, error) {
		keys, err := h.service.PublishedKeys(ctx)
		if err != nil {
			return nil, refused(ctx, err)
		}
		out := &keySet{CacheControl: "public, max-age=30"}
		for _, k := range keys {
			out.Body.Keys = append(out.Body.Keys, jwk{
				KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.Public()),
				ID: k.ID, Algorithm: "EdDSA", Use: "sig",
			})
		}
		return out, nil
	})
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "rotateKeys", Method: http.MethodPost, Path: "/admin/keys/rotate", Tags: []string{"tokens"},
		Summary:     "Publish a new signing key",
		Description: "For an admin. It signs a minute later, when every service knows it. The old key stays published until its last token has expired. Repeating it while a key waits answers that key.",
	}, identity.Admin), func(ctx context.Context, _ *struct{}) (*rotated, error) {
		key, err := h.service.RotateKeys(ctx)
		if err != nil {
			return nil, refused(ctx, err)
		}
		out := &rotated{}
		out.Body.KeyID, out.Body.SignsFrom = key.ID, key.SignsFrom
		return out, nil
	})
}
