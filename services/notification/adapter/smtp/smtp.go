// Package smtp is a Mailer that hands mails to an SMTP server.
package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wneessen/go-mail"

	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/internal/mime"
)

// defaultTimeout bounds connecting and each exchange with the server.
const defaultTimeout = 15 * time.Second

// Server is a notification.Mailer. Its methods may be used concurrently: each
// mail has a connection of its own.
type Server struct {
	host    string
	options []mail.Option
	writer  *mime.Writer
}

var _ notification.Mailer = (*Server)(nil)

// New returns the server at rawURL, which sends mails from. The URL is
//
//	smtp://[user:password@]host[:port][?tls=starttls|opportunistic|none]
//	smtps://[user:password@]host[:port]
//
// smtps is TLS from the first byte, on port 465 unless the URL says another.
// With smtp, tls=starttls, the default, insists on TLS; opportunistic takes it
// where the server offers it; none never does, for a server on this machine.
// The port is 587 with a user, else 25. No error holds the URL: it has the
// password.
func New(rawURL, from string) (*Server, error) {
	w, err := mime.NewWriter(from)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	host, options, err := parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	if _, err := mail.NewClient(host, options...); err != nil {
		return nil, errors.New("smtp: the URL is not one that can be used")
	}
	return &Server{host: host, options: options, writer: w}, nil
}

func parse(rawURL string) (host string, options []mail.Option, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", nil, errors.New("the URL cannot be parsed")
	}
	if u.Hostname() == "" || (u.Path != "" && u.Path != "/") {
		return "", nil, errors.New("the URL must be smtp://host or smtps://host")
	}
	user, port := u.User.Username(), 25
	auth := mail.SMTPAuthAutoDiscover
	options = []mail.Option{mail.WithTimeout(defaultTimeout), mail.WithoutNoop()}
	tls := u.Query().Get("tls")
	switch {
	case u.Scheme == "smtps" && tls == "":
		port = 465
		options = append(options, mail.WithSSL())
	case u.Scheme == "smtp" && (tls == "" || tls == "starttls"):
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case u.Scheme == "smtp" && tls == "opportunistic" && user == "":
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case u.Scheme == "smtp" && tls == "none":
		auth = mail.SMTPAuthPlainNoEnc
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case tls == "opportunistic":
		return "", nil, errors.New("tls=opportunistic could send the password in the clear: use starttls")
	default:
		return "", nil, errors.New("the URL must be smtp:// with tls=starttls, opportunistic or none, or smtps://")
	}
	if user != "" {
		if port == 25 {
			port = 587
		}
		password, _ := u.User.Password()
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(user), mail.WithPassword(password))
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return "", nil, errors.New("the URL's port is out of range")
		}
	}
	return u.Hostname(), append(options, mail.WithPort(port)), nil
}

// Send implements notification.Mailer. What counts is the server's answer to
// the mail: when it was 250, nothing that fails after it makes the mail unsent.
func (s *Server) Send(ctx context.Context, m notification.Mail) error {
	msg, err := s.writer.Message(m)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &notification.SendError{Reason: "there was no time left to send the mail"}
	}
	options := s.options
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left < defaultTimeout {
			options = append(options[:len(options):len(options)], mail.WithTimeout(left))
		}
	}
	sender, recipient, err := letters(msg)
	if err != nil {
		return err
	}
	if !sender && !recipient {
		// A server that is asked for SMTPUTF8 may hand on the mail only to those
		// that have it, too.
		options = append(options[:len(options):len(options)], mail.WithoutSMTPUTF8())
	}
	client, err := mail.NewClient(s.host, options...)
	if err != nil {
		return &notification.SendError{Reason: "the mail server cannot be used as configured"}
	}
	err = send(ctx, client, msg, sender, recipient)
	if msg.IsDelivered() {
		return nil
	}
	var known *notification.SendError
	if errors.As(err, &known) {
		return known
	}
	return failure(err)
}

// send hands msg to the server. sender and recipient say whose address needs
// SMTPUTF8 (RFC 6531).
func send(ctx context.Context, client *mail.Client, msg *mail.Msg, sender, recipient bool) (err error) {
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.CloseWithSMTPClient(conn)) }()
	if ok, _ := conn.Extension("SMTPUTF8"); !ok && (sender || recipient) {
		if recipient {
			return &notification.SendError{Reason: "the mail server takes no recipient with letters other than ASCII before the @", Permanent: true}
		}
		return &notification.SendError{Reason: "the mail server takes no sender with letters other than ASCII before the @"}
	}
	return client.SendWithSMTPClient(conn, msg)
}

// letters reports whether the sender's and the recipient's address have other
// letters than those of ASCII; their domains are A-labels.
func letters(msg *mail.Msg) (sender, recipient bool, err error) {
	from, err := msg.GetSender(false)
	if err != nil {
		return false, false, &notification.SendError{Reason: "the mail has no sender", Permanent: true}
	}
	to, err := msg.GetRecipients()
	if err != nil {
		return false, false, &notification.SendError{Reason: "the mail has no recipient", Permanent: true}
	}
	other := func(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) }
	return other(from), other(strings.Join(to, "")), nil
}

// failure says what err is, without what the server said: servers repeat the
// address that they refuse.
func failure(err error) error {
	var refused *mail.SendError
	if errors.As(err, &refused) {
		code := refused.ErrorCode()
		reason := "the mail server broke off"
		enhanced := enhancedCode(refused)
		if code != 0 {
			reason = fmt.Sprintf("the mail server answered %d", code)
			if enhanced != "" {
				reason += " " + enhanced
			}
		}
		switch refused.Reason {
		case mail.ErrSMTPRcptTo:
			return &notification.SendError{Reason: reason + " to the recipient", Permanent: undeliverable(code, enhanced)}
		case mail.ErrSMTPData, mail.ErrSMTPDataClose:
			return &notification.SendError{Reason: reason + " to the content", Permanent: undeliverable(code, enhanced)}
		case mail.ErrSMTPMailFrom:
			// The sender, or that we did not log in: the operator's to put
			// right, and then the mail shall go out.
			return &notification.SendError{Reason: reason + " to the sender"}
		}
		return &notification.SendError{Reason: reason}
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return &notification.SendError{Reason: "the mail server cannot be reached"}
	}
	return &notification.SendError{Reason: "the mail server did not accept the connection or the login"}
}

// answer is the beginning of a server's answer with an enhanced code (RFC 3463),
// as it stands in a mail.SendError, which quotes the text.
var answer = regexp.MustCompile(`\b[45][0-9]{2} "?([45]\.[0-9]{1,3}\.[0-9]{1,3})\b`)

// enhancedCode returns the enhanced code of the server's answer, or "". Servers
// give it without having announced that they do.
func enhancedCode(refused *mail.SendError) string {
	if code := refused.EnhancedStatusCode(); code != "" {
		return code
	}
	if m := answer.FindStringSubmatch(refused.Error()); m != nil {
		return m[1]
	}
	return ""
}

// undeliverable reports whether the recipient is refused for good: there is no
// such mailbox, and there will be none tomorrow. Every other refusal may be the
// operator's to put right (relaying denied, a login needed, a policy, a sender
// that is not accepted), and then the mail shall go out.
func undeliverable(code int, enhanced string) bool {
	switch {
	case code < 500 || code == 530:
		return false
	case enhanced == "5.1.7" || enhanced == "5.1.8": // the sender's address
		return false
	case enhanced == "" || enhanced == "5.0.0":
		return code == 550 || code == 551 || code == 553
	default:
		return strings.HasPrefix(enhanced, "5.1.") || enhanced == "5.2.1"
	}
}
