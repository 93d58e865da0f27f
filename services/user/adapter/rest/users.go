package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user"
)

type userBody struct {
	ID        string        `json:"id" format:"uuid"`
	Email     string        `json:"email" example:"ada@example.com"`
	Name      string        `json:"name" example:"Ada Lovelace"`
	Verified  bool          `json:"email_verified" doc:"The user has proven to have the mailbox"`
	Phone     *string       `json:"phone" doc:"null when there is none" example:"+4915112345678"`
	Proven    bool          `json:"phone_verified" doc:"The user has proven to have the phone"`
	Locale    *string       `json:"locale" doc:"The language in which we write to the user, a BCP 47 tag; null when the user has not said" example:"de-AT"`
	Role      identity.Role `json:"role" enum:"customer,organizer,admin"`
	CreatedAt time.Time     `json:"created_at"`
}

func toBody(u user.User) userBody {
	out := userBody{ID: u.ID, Email: u.Email, Verified: u.EmailVerified(), Proven: u.PhoneVerified(), Name: u.Name, Role: u.Role, CreatedAt: u.CreatedAt}
	if u.Phone != "" {
		out.Phone = &u.Phone
	}
	if u.Locale != "" {
		out.Locale = &u.Locale
	}
	return out
}

type registrationBody struct {
	Email    string           `json:"email" maxLength:"1000" doc:"Unique, in upper or lower case" example:"ada@example.com"`
	Password string           `json:"password" minLength:"10" maxLength:"256" doc:"None of those that everybody tries first" example:"a sparrow in the organ"`
	Name     string           `json:"name" minLength:"1" maxLength:"200" example:"Ada Lovelace"`
	Phone    httpkit.Optional `json:"phone,omitempty" doc:"E.164. With it, there are SMS" example:"+4915112345678"`
	Locale   httpkit.Optional `json:"locale,omitempty" maxLength:"35" doc:"The language in which we write to the user, a BCP 47 tag" example:"de-AT"`
	Role     string           `json:"role,omitempty" enum:"customer,organizer" default:"customer"`
}

type changeBody struct {
	Name            httpkit.Optional `json:"name,omitempty" nullable:"false" minLength:"1" maxLength:"200" example:"Ada King"`
	Phone           httpkit.Optional `json:"phone,omitempty" doc:"null or empty removes it" example:"+4915112345678"`
	Locale          httpkit.Optional `json:"locale,omitempty" maxLength:"35" doc:"A BCP 47 tag; null or empty removes it" example:"de-AT"`
	Password        httpkit.Optional `json:"password,omitempty" nullable:"false" minLength:"10" maxLength:"256" doc:"A new one; ends all sessions" example:"a wren in the clavichord"`
	CurrentPassword string           `json:"current_password,omitempty" maxLength:"256" doc:"Needed to set a new one" example:"a sparrow in the organ"`
}

type answer struct {
	Location string `header:"Location"`
	Body     userBody
}

func (h *handlers) registerUsers(api huma.API, guard *auth.Guard) {
	huma.Register(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "register", Method: http.MethodPost, Path: "/users", DefaultStatus: http.StatusCreated, Tags: []string{"users"},
		Summary: "Register",
	}, problem.EmailTaken, problem.PasswordTooCommon, problem.RateLimited)), h.register)
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "getMe", Method: http.MethodGet, Path: "/users/me", Tags: []string{"users"},
		Summary: "Get one's own account",
	}), func(ctx context.Context, _ *struct{}) (*answer, error) {
		u, err := h.service.Get(ctx, auth.Caller(ctx).UserID)
		if err != nil {
			return nil, ofMe(ctx, err)
		}
		return &answer{Body: toBody(u)}, nil
	})
	huma.Register(api, guard.User(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "changeMe", Method: http.MethodPatch, Path: "/users/me", Tags: []string{"users"},
		Summary: "Change one's own account", Description: "What is left out stays. A new password ends all sessions: log in again.",
	}, problem.PasswordTooCommon, problem.WrongPassword, problem.RateLimited))), h.change)
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getContact", Method: http.MethodGet, Path: "/users/{id}/contact", Tags: []string{"internal"},
		Summary: "Get where a user wants to hear from us", Description: "For its mails and SMS.",
	}, problem.UserNotFound), "notification"), h.contact)
}

func (h *handlers) register(ctx context.Context, in *struct{ Body registrationBody }) (*answer, error) {
	a := h.attemptOf(ctx, in.Body.Email)
	if err := h.registrations.enter(ctx, a, h.knows(a)); err != nil {
		return nil, refused(ctx, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leave, err := h.line.enter(ctx, a)
	if err != nil {
		return nil, refused(ctx, err)
	}
	defer leave()
	u, err := h.service.Register(ctx, user.Registration{
		Email: in.Body.Email, Password: in.Body.Password, Name: in.Body.Name,
		Phone: in.Body.Phone.Value, Locale: in.Body.Locale.Value, Role: identity.Role(in.Body.Role),
	})
	if err != nil {
		return nil, refused(ctx, err)
	}
	h.know(a)
	return &answer{Location: "/users/me", Body: toBody(u)}, nil
}

func (h *handlers) change(ctx context.Context, in *struct{ Body changeBody }) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := auth.Caller(ctx).UserID
	c := user.Change{
		Name: in.Body.Name.Given(), Phone: in.Body.Phone.Given(), Locale: in.Body.Locale.Given(),
		Password: in.Body.Password.Given(), CurrentPassword: in.Body.CurrentPassword,
	}
	var u user.User
	try := func() (err error) {
		u, err = h.service.Change(ctx, id, c)
		return err
	}
	var err error
	if c.Password == nil {
		err = try()
	} else {
		// A stolen access token must not be good for guessing the password.
		err = h.tryPassword(ctx, attemptOf(clientOf(ctx), id), try)
	}
	if err != nil {
		return nil, ofMe(ctx, err)
	}
	return &answer{Body: toBody(u)}, nil
}

type contactBody struct {
	UserID string `json:"user_id" format:"uuid"`
	Email  string `json:"email" example:"ada@example.com"`
	Name   string `json:"name" example:"Ada Lovelace"`
	Phone  string `json:"phone,omitempty" example:"+4915112345678"`
	Locale string `json:"locale,omitempty" doc:"A BCP 47 tag; absent when the user has not said" example:"de-AT"`
}

func (h *handlers) contact(ctx context.Context, in *struct {
	ID string `path:"id" format:"uuid"`
},
) (*struct{ Body contactBody }, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return nil, refused(ctx, user.ErrNotFound)
	}
	c, err := h.service.Contact(ctx, id.String())
	if err != nil {
		return nil, refused(ctx, err)
	}
	return &struct{ Body contactBody }{contactBody(c)}, nil
}

// ofMe answers an error about the caller's own account. One that is gone makes
// its access tokens worth nothing.
func ofMe(ctx context.Context, err error) error {
	if errors.Is(err, user.ErrNotFound) {
		return auth.AccountGone()
	}
	return refused(ctx, err)
}

// refused answers an error of the domain, or of the limits.
func refused(ctx context.Context, err error) error {
	var throttled *errThrottled
	if errors.As(err, &throttled) {
		return tooMany(throttled.wait)
	}
	if errors.Is(err, errBusy) {
		return httpkit.NewProblem(http.StatusServiceUnavailable, problem.Unavailable, "Too many passwords are being checked now.").
			WithRetryAfter(httpkit.Seconds(busyRetry))
	}
	return table.To(ctx, err)
}
