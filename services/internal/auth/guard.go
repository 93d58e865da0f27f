package auth

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Guard lets into an operation only whom it is for.
type Guard struct {
	// Verify returns whose access token it is. See Verifier.Verify.
	Verify func(ctx context.Context, token string) (identity.Caller, error)
	// VerifyChange, where set, takes Verify's place in operations that may change
	// something: a token whose session is over is good for reading alone.
	VerifyChange func(ctx context.Context, token string) (identity.Caller, error)
	// VerifyService returns which service's token it is. See ServiceKeys.Verifier.
	VerifyService func(token string) (service string, err error)
}

type callerKey struct{}

// Caller returns who is calling an operation guarded by User.
func Caller(ctx context.Context) identity.Caller {
	c, _ := ctx.Value(callerKey{}).(identity.Caller)
	return c
}

// RolesExtension is the extension of an operation in an OpenAPI document that
// lists the roles of users who may call it. See Guard.User.
const RolesExtension = "x-roles"

// User returns op for users with an access token: of one of roles, or of any
// account where none is given. An admin always passes. Everybody else is answered
// 401 or 403; a guest, too, unless roles has identity.Guest.
func (g *Guard) User(api huma.API, op huma.Operation, roles ...identity.Role) huma.Operation {
	op = httpkit.Refuses(op, problem.Unauthenticated, problem.InvalidToken, problem.Forbidden, problem.UpstreamUnavailable)
	admitted := identity.Accounts
	if len(roles) > 0 {
		admitted = slices.Compact(append(slices.Clone(roles), identity.Admin))
	}
	op.Extensions = maps.Clone(op.Extensions)
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions[RolesExtension] = admitted
	op.Security = append(op.Security, map[string][]string{httpkit.SchemeBearer: {}})
	verify := g.Verify
	if g.VerifyChange != nil && !ReadsOnly(op.Method) {
		verify = g.VerifyChange
	}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		c, refusal := user(ctx, verify, admitted)
		if refusal != nil {
			refuse(ctx, refusal)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, c))
	})
	return op
}

// UserOr returns op as User does, for requests without an access token as well if they
// have this header, which is documented as the security scheme. The handler must look
// whether the header is good for anything: its Caller has no id, and owns nothing.
func (g *Guard) UserOr(api huma.API, op huma.Operation, scheme, header string, roles ...identity.Role) huma.Operation {
	op = g.User(api, op, roles...)
	op.Security = append(op.Security, map[string][]string{scheme: {}})
	last := len(op.Middlewares) - 1
	asUser := op.Middlewares[last]
	op.Middlewares = append(slices.Clone(op.Middlewares[:last]), func(ctx huma.Context, next func(huma.Context)) {
		if _, ok := Bearer(ctx.Header("Authorization")); !ok && ctx.Header(header) != "" {
			next(ctx)
			return
		}
		asUser(ctx, next)
	})
	return op
}

// ReadsOnly reports whether requests with this method change nothing (RFC 9110
// §9.2.1).
func ReadsOnly(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// verify returns whose access token it is. See Verifier.Verify.
type verify = func(ctx context.Context, token string) (identity.Caller, error)

func user(ctx huma.Context, verify verify, admitted []identity.Role) (identity.Caller, *httpkit.Error) {
	token, ok := Bearer(ctx.Header("Authorization"))
	if !ok {
		return identity.Caller{}, httpkit.Unauthorized(problem.Unauthenticated,
			"This needs an access token: Authorization: Bearer …", `Bearer realm="boxoffice"`)
	}
	c, err := verify(ctx.Context(), token)
	switch {
	case err != nil:
		return identity.Caller{}, Unverified(err)
	case c.Role == identity.Guest && !slices.Contains(admitted, c.Role):
		return identity.Caller{}, httpkit.NewProblem(http.StatusForbidden, problem.Forbidden, "This needs an account.")
	case !slices.Contains(admitted, c.Role):
		return identity.Caller{}, httpkit.NewProblem(http.StatusForbidden, problem.Forbidden, "This needs another role.")
	}
	return c, nil
}

// Unverified answers an error of verifying an access token.
func Unverified(err error) *httpkit.Error {
	if errors.Is(err, ErrInvalidToken) {
		return InvalidToken()
	}
	return httpkit.NewProblem(http.StatusServiceUnavailable, problem.UpstreamUnavailable, "Access tokens cannot be verified now.").WithRetryAfter(1)
}

// InvalidToken refuses an access token.
func InvalidToken() *httpkit.Error {
	return refusedToken("The access token is expired or not valid, or its session is over.")
}

// AccountGone refuses an access token whose account is gone.
func AccountGone() *httpkit.Error {
	return refusedToken("The account of this access token is gone.")
}

func refusedToken(detail string) *httpkit.Error {
	return httpkit.Unauthorized(problem.InvalidToken, detail, `Bearer realm="boxoffice", error="invalid_token"`)
}

// CallersExtension is the extension of an operation in an OpenAPI document that
// lists the services that may call it, and nobody else. See Guard.Service.
const CallersExtension = "x-callers"

// Service returns op for callers alone, which are other services: each shows a
// token of its own in X-Service-Token. Without one that is good for this service
// a request is answered 401, and one of another service 403. A user's token
// counts for nothing here.
func (g *Guard) Service(_ huma.API, op huma.Operation, callers ...string) huma.Operation {
	op = httpkit.Refuses(op, problem.Unauthenticated, problem.InvalidToken, problem.Forbidden)
	op.Security = append(op.Security, map[string][]string{httpkit.SchemeService: {}})
	op.Description = strings.TrimSpace(op.Description + " Only " + strings.Join(callers, " and ") + " may call it.")
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions[CallersExtension] = callers
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		if refusal := g.service(ctx.Header("X-Service-Token"), callers); refusal != nil {
			refuse(ctx, refusal)
			return
		}
		next(ctx)
	})
	return op
}

func (g *Guard) service(token string, callers []string) *httpkit.Error {
	if token == "" {
		return httpkit.Unauthorized(problem.Unauthenticated, "This is for other services alone.", serviceChallenge)
	}
	caller, err := g.VerifyService(token)
	switch {
	case err != nil:
		return httpkit.Unauthorized(problem.InvalidToken, "The service token is expired or not valid.", serviceChallenge)
	case !slices.Contains(callers, caller):
		return httpkit.NewProblem(http.StatusForbidden, problem.Forbidden, "This service may not call this operation.")
	}
	return nil
}

// serviceChallenge is of a scheme of our own: the token has a header of its own.
const serviceChallenge = `X-Service-Token realm="boxoffice"`

// Bearer returns the access token in an Authorization header, if there is one.
func Bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", false
	}
	return strings.TrimSpace(token), true
}

func refuse(ctx huma.Context, p *httpkit.Error) {
	r, w := humachi.Unwrap(ctx)
	httpkit.WriteProblem(w, r, p)
}
