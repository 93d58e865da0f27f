package messagerow_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
)

func TestJoinIsTheInverseOfSplit(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.FixedZone("", 7200))
	for name, m := range map[string]events.Message{
		"nothing":  {},
		"no JSON":  {ID: "1", Time: at, Data: []byte("\x00\xff")},
		"spaces":   {ID: "1", Data: []byte("{ \"a\" : \"<b>\" }\n")},
		"all else": {SpecVersion: "1.0", ID: "ü", Source: "s", Type: "t", Subject: "<&>", Time: at, DataContentType: "c", TraceParent: "p"},
	} {
		attributes, data, err := messagerow.Split(m)
		if err != nil || data == nil {
			t.Errorf("%s: data %#v, %v", name, data, err)
		}
		got, err := messagerow.Join(attributes, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.Time.Location() != time.UTC {
			t.Errorf("%s: %v is not in UTC", name, got.Time)
		}
	}
	if _, err := messagerow.Join("{", nil); err == nil {
		t.Error("a broken row: no error")
	}
	if _, _, err := messagerow.Split(events.Message{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a time that JSON cannot have: no error")
	}
}
