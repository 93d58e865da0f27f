package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user"
)

type emailBody struct {
	Email string `json:"email" maxLength:"1000" example:"ada@example.com"`
}

type linkBody struct {
	Token string `json:"token" maxLength:"200" doc:"From the mail" example:"AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"`
}

type resetBody struct {
	Token    string `json:"token" maxLength:"200" doc:"From the mail" example:"AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"`
	Password string `json:"password" minLength:"10" maxLength:"256" doc:"None of those that everybody tries first" example:"a wren in the clavichord"`
}

func (h *handlers) registerAccountMails(api huma.API, guard *auth.Guard) {
	const later = "Always 202, whether the address has an account or not. Of each kind an account is sent three mails an hour at most."
	huma.Register(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "requestVerification", Method: http.MethodPost, Path: "/users/verification", DefaultStatus: http.StatusAccepted, Tags: []string{"users"},
		Summary: "Ask for a mail that verifies an account's address", Description: later + " The token in it is good for two days.",
	}, problem.RateLimited)), h.requestMail(user.Verification))
	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "confirmVerification", Method: http.MethodPost, Path: "/users/verification/confirm", DefaultStatus: http.StatusNoContent, Tags: []string{"users"},
		Summary: "Verify an account's address by the token from its mail",
	}, problem.LinkNotValid), h.confirmVerification)
	huma.Register(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "requestPasswordReset", Method: http.MethodPost, Path: "/password-reset", DefaultStatus: http.StatusAccepted, Tags: []string{"users"},
		Summary: "Ask for a mail to set a new password", Description: later + " The token in it is good for an hour.",
	}, problem.RateLimited)), h.requestMail(user.PasswordReset))
	huma.Register(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "confirmPasswordReset", Method: http.MethodPost, Path: "/password-reset/confirm", DefaultStatus: http.StatusNoContent, Tags: []string{"users"},
		Summary: "Set a new password by the token from the mail", Description: "It ends all sessions: log in again. An account whose address was never verified loses its phone number. A password that is refused does not use up the token.",
	}, problem.LinkNotValid, problem.PasswordTooCommon)), h.confirmPasswordReset)
	huma.Register(api, guard.User(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "requestEmail", Method: http.MethodPost, Path: "/users/me/email", DefaultStatus: http.StatusAccepted, Tags: []string{"users"},
		Summary: "Ask for another email address", Description: "A token is mailed to it, which is good for a day. Until it is confirmed the old address stays. Three such mails an hour are sent at most. An admin keeps the address of the configuration.",
	}, problem.Forbidden, problem.EmailTaken, problem.WrongPassword, problem.RateLimited))), h.requestEmail)
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "confirmEmail", Method: http.MethodPost, Path: "/users/me/email/confirm", Tags: []string{"users"},
		Summary: "Take the new email address by the token that was mailed to it", Description: "The old address is told. Where nobody had verified it and three such mails went to its mailbox within the hour, the change is refused until later, and does not use up the token.",
	}, problem.LinkNotValid, problem.EmailTaken, problem.RateLimited)), h.confirmEmail)
	huma.Register(api, guard.User(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "requestPhone", Method: http.MethodPost, Path: "/users/me/phone", DefaultStatus: http.StatusAccepted, Tags: []string{"users"},
		Summary: "Ask for an SMS that proves a phone number", Description: "A code of six digits is sent to it, which is good for ten minutes. Until it is confirmed the phone of before stays. An account, and a number, is sent three codes an hour at most, and all accounts at one network address 20 a day.",
	}, problem.RateLimited))), h.requestPhone)
	huma.Register(api, guard.User(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "confirmPhone", Method: http.MethodPost, Path: "/users/me/phone/confirm", Tags: []string{"users"},
		Summary: "Take the phone number by the code that was sent to it", Description: "The code of the last SMS counts, and may be tried five times.",
	}, problem.LinkNotValid, problem.WrongCode))), h.confirmPhone)
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getAccountMail", Method: http.MethodGet, Path: "/account-mails/{id}", Tags: []string{"internal"},
		Summary: "Get what a mail about an account says", Description: "For the moment when it is sent: nobody stores its token.",
	}, problem.MailNotDue), "notification"), h.accountMail)
}

func (h *handlers) requestMail(p user.Purpose) func(context.Context, *struct{ Body emailBody }) (*struct{}, error) {
	return func(ctx context.Context, in *struct{ Body emailBody }) (*struct{}, error) {
		a := h.attemptOf(ctx, in.Body.Email)
		if err := h.mailRequests.enter(ctx, a, h.knows(a)); err != nil {
			return nil, refused(ctx, err)
		}
		if err := h.service.RequestMail(ctx, p, in.Body.Email); err != nil {
			return nil, refused(ctx, err)
		}
		return nil, nil
	}
}

func (h *handlers) confirmVerification(ctx context.Context, in *struct{ Body linkBody }) (*struct{}, error) {
	if err := h.service.ConfirmEmail(ctx, in.Body.Token); err != nil {
		return nil, refused(ctx, err)
	}
	return nil, nil
}

func (h *handlers) confirmPasswordReset(ctx context.Context, in *struct{ Body resetBody }) (*struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leave, err := h.line.enter(ctx, attemptOf(clientOf(ctx), in.Body.Token))
	if err != nil {
		return nil, refused(ctx, err)
	}
	defer leave()
	if err := h.service.ResetPassword(ctx, in.Body.Token, in.Body.Password); err != nil {
		return nil, refused(ctx, err)
	}
	return nil, nil
}

type newEmailBody struct {
	Email    string `json:"email" maxLength:"1000" example:"ada@lovelace.example"`
	Password string `json:"password" maxLength:"256" doc:"The current one" example:"a sparrow in the organ"`
}

func (h *handlers) requestEmail(ctx context.Context, in *struct{ Body newEmailBody }) (*struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := auth.Caller(ctx).UserID
	// Each may be a mail to somebody who has not asked for it, or tell whether an
	// address has an account.
	end, err := h.emailRequests.begin(ctx, attemptOf(clientOf(ctx), id))
	if err != nil {
		return nil, refused(ctx, err)
	}
	end(strike) // each counts, whatever comes of it
	// A stolen access token must not be good for guessing the password.
	err = h.tryPassword(ctx, attemptOf(clientOf(ctx), id), func() error {
		return h.service.RequestEmail(ctx, id, in.Body.Email, in.Body.Password)
	})
	if err != nil {
		return nil, ofMe(ctx, err)
	}
	return nil, nil
}

func (h *handlers) confirmEmail(ctx context.Context, in *struct{ Body linkBody }) (*answer, error) {
	u, err := h.service.ConfirmNewEmail(ctx, auth.Caller(ctx).UserID, in.Body.Token)
	if err != nil {
		return nil, refused(ctx, err)
	}
	return &answer{Body: toBody(u)}, nil
}

type phoneBody struct {
	Phone string `json:"phone" maxLength:"20" doc:"E.164" example:"+4915112345678"`
}

func (h *handlers) requestPhone(ctx context.Context, in *struct{ Body phoneBody }) (*struct{}, error) {
	id := auth.Caller(ctx).UserID
	// Each may be an SMS to somebody who has not asked for it.
	end, err := h.phoneRequests.begin(ctx, attemptOf(clientOf(ctx), id))
	if err != nil {
		return nil, refused(ctx, err)
	}
	end(strike)
	if err := h.sendCode(ctx, id, in.Body.Phone); err != nil {
		return nil, ofMe(ctx, err)
	}
	return nil, nil
}

// sendCode sends a code that counts for the client's address.
func (h *handlers) sendCode(ctx context.Context, id, phone string) error {
	end, err := h.codes.begin(ctx, clientOf(ctx))
	if err != nil {
		return err
	}
	o := strike
	defer func() { end(o) }()
	err = h.service.RequestPhone(ctx, id, phone)
	var invalid problem.Invalid
	var refused *problem.Refusal
	if errors.As(err, &invalid) || errors.As(err, &refused) {
		o = void // after any other error the code may have been stored
	}
	return err
}

type codeBody struct {
	Code string `json:"code" maxLength:"20" doc:"The six digits from the SMS" example:"081 542"`
}

func (h *handlers) confirmPhone(ctx context.Context, in *struct{ Body codeBody }) (*answer, error) {
	u, err := h.service.ConfirmPhone(ctx, auth.Caller(ctx).UserID, in.Body.Code)
	if err != nil {
		return nil, ofMe(ctx, err)
	}
	return &answer{Body: toBody(u)}, nil
}

type accountMailBody struct {
	ID        string    `json:"id" format:"uuid"`
	UserID    string    `json:"user_id" format:"uuid"`
	Purpose   string    `json:"purpose" enum:"verification,password_reset,email_change,email_changed,phone_change"`
	To        string    `json:"to" doc:"An email address, or the number of a phone_change" example:"ada@example.com"`
	Name      string    `json:"name" example:"Ada Lovelace"`
	Locale    string    `json:"locale,omitempty" doc:"A BCP 47 tag; absent when the user has not said" example:"de-AT"`
	URL       string    `json:"url,omitempty" doc:"The link, if the mail has one and there is a web site" example:"https://tickets.example/verify/AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"`
	Token     string    `json:"token,omitempty" doc:"In place of the link where there is no web site" example:"AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"`
	Operation string    `json:"operation,omitempty" doc:"What takes the token; where there is no web site" example:"POST /users/verification/confirm"`
	Code      string    `json:"code,omitempty" doc:"What a phone_change says in place of a link" example:"081542"`
	ExpiresAt time.Time `json:"expires_at"`
}

// operations are what takes the token of a mail.
var operations = map[user.Purpose]string{
	user.Verification:  "POST /users/verification/confirm",
	user.PasswordReset: "POST /password-reset/confirm",
	user.EmailChange:   "POST /users/me/email/confirm",
}

func (h *handlers) accountMail(ctx context.Context, in *struct {
	ID string `path:"id" format:"uuid"`
},
) (*struct{ Body accountMailBody }, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return nil, refused(ctx, user.ErrMailNotDue)
	}
	m, err := h.service.Mail(ctx, id.String())
	if err != nil {
		return nil, refused(ctx, err)
	}
	body := accountMailBody{
		ID: m.ID, UserID: m.UserID, Purpose: string(m.Purpose), To: m.To, Name: m.Name, Locale: m.Locale,
		URL: m.URL, Token: m.Token, Code: m.Code, ExpiresAt: m.ExpiresAt,
	}
	if m.Token != "" {
		body.Operation = operations[m.Purpose]
	}
	return &struct{ Body accountMailBody }{body}, nil
}
