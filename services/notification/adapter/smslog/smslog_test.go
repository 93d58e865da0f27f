package smslog_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smslog"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

func TestSMSContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestSMS(t, func(t *testing.T) (notification.SMSProvider, func() []string) {
		var out bytes.Buffer // slog's handlers write one line at a time
		return smslog.New(slog.New(slog.NewJSONHandler(&out, nil))), func() []string {
			var keys []string
			for line := range strings.Lines(out.String()) {
				var l struct {
					ID string `json:"notification_id"`
				}
				if err := json.Unmarshal([]byte(line), &l); err != nil {
					t.Error(err)
				}
				keys = append(keys, l.ID)
			}
			return keys
		}
	})
}

func TestNeitherNumberNorTextIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := smslog.New(slog.New(slog.NewJSONHandler(&out, nil))).Send(t.Context(),
		notification.Text{ID: "id-1", To: "+4930123456", Body: "confirmed"})
	if err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, "4930") || strings.Contains(s, "confirmed") || !strings.Contains(s, "id-1") {
		t.Errorf("the log has %s", s)
	}
}
