package cloudevent_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
)

const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func message() events.Message {
	return events.Message{
		SpecVersion: "1.0", ID: "m1", Source: "booking", Type: "booking.confirmed.v1", Subject: "b<1>",
		Time: time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC), DataContentType: "application/json",
		TraceParent: traceParent, Data: []byte("{ \"b\" : 9007199254740993,\"a\":\"<ü>\\u0000\", \"a\":1e0 }"),
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	m := message()
	m.Time = m.Time.In(time.FixedZone("", 7200))
	bare := events.Message{ID: "m2", Source: "s", Type: "t"}
	for want, m := range map[string]events.Message{
		`{"specversion":"1.0","id":"m1","source":"booking","type":"booking.confirmed.v1","subject":"b\u003c1\u003e",` +
			`"time":"2026-03-29T01:30:00.123456Z","datacontenttype":"application/json","traceparent":"` + traceParent + `",` +
			`"data":{ "b" : 9007199254740993,"a":"<ü>\u0000", "a":1e0 }}`: m,
		`{"specversion":"1.0","id":"m2","source":"s","type":"t","datacontenttype":"application/json"}`: bare,
	} {
		got, err := cloudevent.Encode(m)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m.ID, diff)
		}
	}
}

func TestEncodeRefusesWhatDecodeWouldRefuse(t *testing.T) {
	t.Parallel()
	for location, change := range map[string]func(m *events.Message){
		"specversion":     func(m *events.Message) { m.SpecVersion = "0.3" },
		"id":              func(m *events.Message) { m.ID = "" },
		"source":          func(m *events.Message) { m.Source = "" },
		"type":            func(m *events.Message) { m.Type = strings.Repeat("ü", 201) },
		"subject":         func(m *events.Message) { m.Subject = "\xff" },
		"time":            func(m *events.Message) { m.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"datacontenttype": func(m *events.Message) { m.DataContentType = "text/plain" },
		"traceparent":     func(m *events.Message) { m.TraceParent = "a\nb" },
		"data":            func(m *events.Message) { m.Data = []byte(`1},"x":{`) },
	} {
		m := message()
		change(&m)
		b, err := cloudevent.Encode(m)
		var bad problem.Invalid
		if !errors.As(err, &bad) || len(bad) != 1 || bad[0].Name != location {
			t.Errorf("%s: %s, %v", location, b, err)
		}
	}
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	t.Parallel()
	bare := events.Message{SpecVersion: "1.0", ID: "m2", Source: "s", Type: "t", DataContentType: "application/json"}
	null, long := bare, bare
	null.Data = []byte("null")
	long.ID = strings.Repeat("ü", 200)
	for _, want := range []events.Message{message(), bare, null, long} {
		b, err := cloudevent.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cloudevent.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b) // the message is its own
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.ID, diff)
		}
	}
}

func TestDecodeTakesWhatCloudEventsAllows(t *testing.T) {
	t.Parallel()
	want := events.Message{
		SpecVersion: "1.0", ID: "m", Source: "s", Type: "t", DataContentType: "application/json", Data: []byte("{}"),
	}
	for name, change := range map[string]struct {
		more string
		is   func(m *events.Message)
	}{
		"other attributes":    {`,"topic":"x","pubsubname":"p","traceid":"","n":1,"o":{"id":"no"},"l":[]`, func(*events.Message) {}},
		"names in other case": {`,"ID":"no","Data":1,"TIME":"x"`, func(*events.Message) {}},
		"null":                {`,"subject":null,"time":null,"traceparent":null,"data_base64":null,"datacontenttype":null`, func(*events.Message) {}},
		"an empty trace":      {`,"traceparent":""`, func(*events.Message) {}},
		"charset": {`,"datacontenttype":"application/json; charset=UTF-8"`, func(m *events.Message) {
			m.DataContentType = "application/json; charset=UTF-8"
		}},
		"another zone": {`,"time":"2026-03-29T03:30:00.5+02:00"`, func(m *events.Message) {
			m.Time = time.Date(2026, 3, 29, 1, 30, 0, 500_000_000, time.UTC)
		}},
	} {
		want := want
		change.is(&want)
		got, err := cloudevent.Decode([]byte(`{"specversion":"1.0","id":"m","source":"s","type":"t","data": {} ` + change.more + `}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.Time.Location() != time.UTC {
			t.Errorf("%s: %v is not in UTC", name, got.Time)
		}
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const good = `{"specversion":"1.0","id":"m","source":"s","type":"t","time":"2026-03-29T01:30:00Z","data":{}}`
	if _, err := cloudevent.Decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", 201)
	for _, c := range []struct{ old, new, location string }{
		{`"specversion":"1.0",`, ``, "specversion"},
		{`"1.0"`, `"0.3"`, "specversion"},
		{`"1.0"`, `1.0`, "specversion"},
		{`"id":"m",`, ``, "id"},
		{`"id"`, `"Id"`, "id"},
		{`"m"`, `""`, "id"},
		{`"m"`, `null`, "id"},
		{`"m"`, `7`, "id"},
		{`"m"`, `["m"]`, "id"},
		{`"m"`, `"\u0000"`, "id"},
		{`"m"`, `"` + long + `"`, "id"},
		{`"m"`, `"m","id":"n"`, "id"},
		{`"m"`, `"m","\u0069d":"n"`, "id"},
		{`"m"`, `"m","id":"n","id":"o"`, "id"},
		{`"source":"s",`, ``, "source"},
		{`"s"`, `""`, "source"},
		{`"s"`, `{}`, "source"},
		{`"type":"t",`, ``, "type"},
		{`"t"`, `""`, "type"},
		{`"t"`, `true`, "type"},
		{`"t"`, `"\u009f"`, "type"},
		{`"2026-03-29T01:30:00Z"`, `"yesterday"`, "time"},
		{`"2026-03-29T01:30:00Z"`, `""`, "time"},
		{`"2026-03-29T01:30:00Z"`, `1774747800`, "time"},
		{`"2026-03-29T01:30:00Z"`, `"2026-02-30T00:00:00Z"`, "time"},
		{`"2026-03-29T01:30:00Z"`, `"9999-12-31T23:59:59-01:00"`, "time"},
		{`"2026-03-29T01:30:00Z"`, `"0000-01-01T00:00:00+01:00"`, "time"},
		{`"2026-03-29T01:30:00Z"`, `"2026-03-29T01:30:00Z","time":null`, "time"},
		{`{}`, `{},"data":1`, "data"},
		{`{}`, `{},"data_base64":"e30="`, "data_base64"},
		{`"data":{}`, `"data_base64":"e30="`, "data_base64"},
		{`{}`, `{},"datacontenttype":"text/plain"`, "datacontenttype"},
		{`{}`, `{},"datacontenttype":"application/json; charset=latin1"`, "datacontenttype"},
		{`{}`, `{},"datacontenttype":";"`, "datacontenttype"},
		{`{}`, `{},"datacontenttype":1`, "datacontenttype"},
		{`{}`, `{},"subject":1`, "subject"},
		{`{}`, `{},"subject":"` + long + `"`, "subject"},
		{`{}`, `{},"traceparent":{}`, "traceparent"},
		{`{}`, `{},"traceparent":"` + long + `"`, "traceparent"},
		{good, `null`, ""},
		{good, `[]`, ""},
		{good, `"m"`, ""},
		{good, `1`, ""},
	} {
		in := strings.Replace(good, c.old, c.new, 1)
		if in == good {
			t.Fatalf("%s is not in %s", c.old, good)
		}
		m, err := cloudevent.Decode([]byte(in))
		var bad problem.Invalid
		if !errors.As(err, &bad) || len(bad) != 1 || bad[0].Name != c.location || bad[0].Message == "" {
			t.Errorf("%s: %v, want one about %s", in, err, c.location)
		}
		if diff := cmp.Diff(events.Message{}, m); diff != "" {
			t.Errorf("%s: half a message:\n%s", in, diff)
		}
	}
	_, err := cloudevent.Decode([]byte(`{"data_base64":""}`))
	var bad problem.Invalid
	if !errors.As(err, &bad) {
		t.Errorf("nothing but data_base64: %v", err)
	}
	_, err = cloudevent.Decode([]byte(`{}`))
	if !errors.As(err, &bad) || len(bad) != 4 {
		t.Errorf("nothing: %v, want all four that are required", err)
	}
}

func TestDecodeOfNoJSON(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", " ", "{", "}", "{}}", "{} {}", `{"id"}`, `{"id":}`, `{"id":"m",}`, `{id:"m"}`, `{'id':'m'}`, "{\"id\":\"\xff\"}",
		"{\"id\":\"\n\"}", `{"id":"\ud8"}`, `{"n":01}`, `{"n":NaN}`, "\xef\xbb\xbf{}", strings.Repeat("[", 100_000),
		strings.Repeat(`{"a":`, 100_000),
	} {
		if _, err := cloudevent.Decode([]byte(in)); !errors.Is(err, cloudevent.ErrSyntax) {
			t.Errorf("%.40q: %v, want ErrSyntax", in, err)
		}
	}
}

// Whatever is taken can be published again, and arrives as the same message.
func FuzzDecode(f *testing.F) {
	whole, err := cloudevent.Encode(message())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, seed := range []string{
		`{"specversion":"1.0","id":"m","source":"s","type":"t"}`,
		`{"specversion":"1.0","id":"\ud800","source":"\u2028","type":"t","data":null,"x":null}`,
		`{"specversion":"1.0","id":"m","source":"s","type":"t","time":"9999-12-31T23:59:59-01:00","data": [ 1e400 ] }`,
		`{"specversion":"1.0","id":"m","id":"m","source":"s","type":"t","data_base64":"e30="}`,
		`{"specversion":"1.0","id":"m","source":"s","type":"t","datacontenttype":"application/json;charset=utf-8;x=\"\\\"\""}`,
		`{"specversion":1,"id":null,"source":[],"type":{}}`, `[]`, `{`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := cloudevent.Decode(b)
		if err != nil {
			var bad problem.Invalid
			if !errors.Is(err, cloudevent.ErrSyntax) && (!errors.As(err, &bad) || len(bad) == 0) {
				t.Fatalf("%v says neither syntax nor field", err)
			}
			return
		}
		if m.SpecVersion != "1.0" || m.ID == "" || m.Source == "" || m.Type == "" {
			t.Fatalf("taken: %+v", m)
		}
		again, err := cloudevent.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cloudevent.Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("after another journey (-want +got):\n%s", diff)
		}
	})
}
