//go:build running

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// This file is for a platform that is running already, however it was started:
// by `dapr run`, say.
//
//	E2E_SYSTEM=running go test -tags running ./services/e2e -run '^(TestRunningTour|TestScenario)$'
//
// It must have the suite's admin (ADMIN_EMAIL, ADMIN_PASSWORD) and the sample
// events (`make seed`). E2E_USER_URL, E2E_EVENT_URL, E2E_BOOKING_URL and
// E2E_NOTIFICATION_URL say where the services are, E2E_MAIL_DIR where their mails
// are files; the defaults are those of dapr.yaml, with Mailpit (E2E_MAILPIT_URL).
// Tests that start, kill or look into processes have nothing to do here.

var runningWay = way{
	build: func() error { return nil },
	new: func(t testing.TB, _ string, o options) system {
		if o != (options{}) {
			t.Fatal("a platform that is running already is as it is")
		}
		return alreadyRunning{}
	},
	pace: 500 * time.Millisecond,
}

func init() { ways["running"] = runningWay }

// TestRunningTour pastes the README's tour.
func TestRunningTour(t *testing.T) {
	t.Parallel()
	tour(t, shared(t))
}

// alreadyRunning is a platform that this suite neither starts nor ends.
type alreadyRunning struct{}

var _ system = alreadyRunning{}

func (alreadyRunning) start() error { return nil }
func (alreadyRunning) kill()        {}
func (alreadyRunning) stop() error  { return nil }

func (alreadyRunning) logs() (string, error) { return "its logs are where it was started", nil }

func (alreadyRunning) ready() (map[service]string, error) {
	at := map[service]string{}
	for i, s := range services {
		at[s] = orElse("E2E_"+strings.ToUpper(string(s))+"_URL", fmt.Sprintf("http://127.0.0.1:%d", 8080+i))
	}
	return at, nil
}

func (alreadyRunning) mails() ([]mail, error) {
	if dir := os.Getenv("E2E_MAIL_DIR"); dir != "" {
		return mailsIn(dir)
	}
	return mailsAt(orElse("E2E_MAILPIT_URL", "http://127.0.0.1:8025"))
}

func orElse(variable, value string) string {
	if set := os.Getenv(variable); set != "" {
		return set
	}
	return value
}

// mailsAt reads the newest mails that Mailpit has.
func mailsAt(mailpit string) ([]mail, error) {
	text, err := fetch(mailpit + "/api/v1/messages?limit=200")
	if err != nil {
		return nil, err
	}
	var list struct {
		Messages []struct{ ID string } `json:"messages"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	mails := make([]mail, 0, len(list.Messages))
	for _, message := range list.Messages {
		text, err := fetch(mailpit + "/api/v1/message/" + message.ID + "/raw")
		if err != nil {
			return nil, err
		}
		m, err := parseMail(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		mails = append(mails, m)
	}
	return mails, nil
}

func fetch(url string) (text []byte, err error) {
	res, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return io.ReadAll(res.Body)
}
