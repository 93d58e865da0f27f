package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user"
)

type sessionBody struct {
	ID         string    `json:"id" format:"uuid"`
	StartedAt  time.Time `json:"started_at" doc:"When its user logged in"`
	LastUsedAt time.Time `json:"last_used_at" doc:"When it was last used for a new access token"`
	ExpiresAt  time.Time `json:"expires_at" doc:"When it ends if it is not used before"`
	Current    bool      `json:"current" doc:"The access token of this request comes from it"`
}

// afterSession is the cursor of the list.
type afterSession struct {
	ID string `json:"id"`
}

func (h *handlers) registerSessions(api huma.API, guard *auth.Guard) {
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listSessions", Method: http.MethodGet, Path: "/users/me/sessions", Tags: []string{"users"},
		Summary: "List where one is logged in", Description: "The latest login first. Sessions that have ended are not listed.",
	}), h.listSessions)
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "endSession", Method: http.MethodDelete, Path: "/users/me/sessions/{id}", DefaultStatus: http.StatusNoContent, Tags: []string{"users"},
		Summary:     "Log out of one session",
		Description: "Its refresh token is no longer valid, and its access token only for reading, until it expires. Ending a session again changes nothing.",
	}, problem.SessionNotFound)), h.endSession)
}

func (h *handlers) listSessions(ctx context.Context, in *struct{ httpkit.Page }) (*struct{ Body httpkit.List[sessionBody] }, error) {
	var after afterSession
	if in.Cursor != "" {
		if err := httpkit.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
		if uuid.Validate(after.ID) != nil {
			return nil, httpkit.ErrCursor()
		}
	}
	c := auth.Caller(ctx)
	// One more than asked for tells whether there is another page.
	sessions, err := h.service.ListSessions(ctx, c.UserID, after.ID, in.Limit+1)
	if err != nil {
		return nil, refused(ctx, err)
	}
	body := func(s user.ActiveSession) sessionBody {
		return sessionBody{ID: s.ID, StartedAt: s.StartedAt, LastUsedAt: s.UsedAt(), ExpiresAt: s.ExpiresAt, Current: s.ID == c.SessionID}
	}
	next := func(last user.ActiveSession) any { return afterSession{last.ID} }
	return &struct{ Body httpkit.List[sessionBody] }{httpkit.ListOf(sessions, in.Limit, body, next)}, nil
}

func (h *handlers) endSession(ctx context.Context, in *struct {
	ID string `path:"id" format:"uuid"`
},
) (*struct{}, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return nil, refused(ctx, user.ErrSessionNotFound)
	}
	if err := h.service.EndSession(ctx, auth.Caller(ctx).UserID, id.String()); err != nil {
		return nil, refused(ctx, err)
	}
	return nil, nil
}
