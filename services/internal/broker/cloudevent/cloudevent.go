// Package cloudevent is how a message travels between processes: a CloudEvents
// 1.0 event in the JSON format, attributes and data in one object.
package cloudevent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// ContentType is the media type of an event in this form.
const ContentType = "application/cloudevents+json"

// ErrSyntax is returned by Decode for what is not JSON in UTF-8.
var ErrSyntax = errors.New("not JSON in UTF-8")

// dataContentType is what the data of every message is.
const dataContentType = "application/json"

// maxAttribute bounds each attribute, in characters. CloudEvents does not; but
// ids are keys in databases.
const maxAttribute = 200

// Encode returns the envelope of m, with its data as it is, byte for byte. It
// fails for a message that Decode would not take. An empty SpecVersion or
// DataContentType stands for the only one there is.
func Encode(m events.Message) ([]byte, error) {
	if m.SpecVersion == "" {
		m.SpecVersion = events.SpecVersion
	}
	if m.DataContentType == "" {
		m.DataContentType = dataContentType
	}
	if bad := check(m); len(bad) > 0 {
		return nil, fmt.Errorf("message %q: %w", m.ID, bad)
	}
	b, err := json.Marshal(struct {
		SpecVersion     string    `json:"specversion"`
		ID              string    `json:"id"`
		Source          string    `json:"source"`
		Type            string    `json:"type"`
		Subject         string    `json:"subject,omitempty"`
		Time            time.Time `json:"time,omitzero"`
		DataContentType string    `json:"datacontenttype"`
		TraceParent     string    `json:"traceparent,omitempty"`
	}{m.SpecVersion, m.ID, m.Source, m.Type, m.Subject, m.Time.UTC(), m.DataContentType, m.TraceParent})
	if err != nil {
		return nil, fmt.Errorf("message %q: %w", m.ID, err)
	}
	if len(m.Data) > 0 { // not through the encoder, which writes it anew
		b = append(b[:len(b)-1], `,"data":`...)
		b = append(append(b, m.Data...), '}')
	}
	return b, nil
}

// Decode reads an envelope. It returns ErrSyntax, or a problem.Invalid that
// names what is missing or not allowed, as "id". Attributes that a message
// does not have are ignored, as CloudEvents wants it; an attribute that is null
// is not there. The message keeps nothing of b, and its data is the bytes that
// came.
func Decode(b []byte) (events.Message, error) {
	var m events.Message
	texts := []struct {
		name string
		to   *string
	}{
		{"specversion", &m.SpecVersion},
		{"id", &m.ID},
		{"source", &m.Source},
		{"type", &m.Type},
		{"subject", &m.Subject},
		{"datacontenttype", &m.DataContentType},
		{"traceparent", &m.TraceParent},
	}
	members, twice, err := split(b)
	if err != nil {
		return events.Message{}, err
	}
	var bad problem.Invalid
	for _, text := range texts {
		if v, there := members[text.name]; there && json.Unmarshal(v, text.to) != nil {
			bad = append(bad, invalid(text.name, "expected a string"))
		}
		if twice[text.name] {
			bad = append(bad, invalid(text.name, "it is there twice"))
		}
	}
	if v, there := members["time"]; there && json.Unmarshal(v, &m.Time) != nil {
		bad = append(bad, invalid("time", "expected a time like 2026-01-31T20:00:00Z"))
	}
	if _, there := members["data_base64"]; there {
		bad = append(bad, invalid("data_base64", "expected JSON in data"))
	}
	for _, name := range []string{"time", "data"} {
		if twice[name] {
			bad = append(bad, invalid(name, "it is there twice"))
		}
	}
	if m.DataContentType == "" {
		m.DataContentType = dataContentType
	}
	m.Time, m.Data = m.Time.UTC(), members["data"]
	if len(bad) == 0 {
		bad = check(m)
	}
	if len(bad) > 0 {
		return events.Message{}, bad
	}
	return m, nil
}

// split returns the members of the object b under their exact names (package
// json alone takes "ID" for "id"), without those that are null, and the names
// that are there more than once. The data may be null: that is JSON, too.
func split(b []byte) (members map[string]json.RawMessage, twice map[string]bool, err error) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, nil, ErrSyntax
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, nil, problem.Invalid{{Message: "expected object"}}
	}
	members, twice = map[string]json.RawMessage{}, map[string]bool{}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, ErrSyntax
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, nil, ErrSyntax
		}
		key, _ := name.(string)
		twice[key], seen[key] = seen[key], true
		if string(v) != "null" || key == "data" {
			members[key] = v
		}
	}
	return members, twice, nil
}

// check says what an event may not have.
func check(m events.Message) (bad problem.Invalid) {
	if m.SpecVersion != events.SpecVersion {
		bad = append(bad, invalid("specversion", `expected "`+events.SpecVersion+`"`))
	}
	for _, a := range []struct {
		name, value string
		required    bool
	}{
		{"id", m.ID, true}, {"source", m.Source, true}, {"type", m.Type, true},
		{"subject", m.Subject, false}, {"traceparent", m.TraceParent, false},
	} {
		switch {
		case a.value == "" && a.required:
			bad = append(bad, invalid(a.name, "expected a string that is not empty"))
		case utf8.RuneCountInString(a.value) > maxAttribute:
			bad = append(bad, invalid(a.name, fmt.Sprintf("expected at most %d characters", maxAttribute)))
		case !utf8.ValidString(a.value), strings.ContainsFunc(a.value, unicode.IsControl):
			bad = append(bad, invalid(a.name, "expected a string without control characters"))
		}
	}
	if kind, p, err := mime.ParseMediaType(m.DataContentType); err != nil || kind != dataContentType ||
		(p["charset"] != "" && !strings.EqualFold(p["charset"], "utf-8")) {
		bad = append(bad, invalid("datacontenttype", "expected "+dataContentType))
	}
	if _, err := m.Time.UTC().MarshalJSON(); err != nil { // the year 10000, west of Greenwich
		bad = append(bad, invalid("time", "the time is out of range"))
	}
	if len(m.Data) > 0 && (!utf8.Valid(m.Data) || !json.Valid(m.Data)) {
		bad = append(bad, invalid("data", "expected JSON in UTF-8"))
	}
	return bad
}

func invalid(name, message string) problem.InvalidField {
	return problem.InvalidField{Name: name, Message: message}
}
