// Package messagerow is how a message lies in a database row: its attributes
// as JSON in one column and its data, byte for byte, in another. Data that
// went through a JSON encoder would come back with other bytes, and data that
// is not JSON, which a dead letter may have, would not go in at all.
package messagerow

import (
	"encoding/json"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// Split returns the attributes of m, without its data.
func Split(m events.Message) (attributes string, data []byte, err error) {
	data, m.Data = m.Data, nil
	b, err := json.Marshal(m)
	if err != nil {
		return "", nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	if data == nil {
		data = []byte{} // the column is NOT NULL
	}
	return string(b), data, nil
}

// Join is the inverse of Split. The message's time is in UTC, and data of no
// bytes is nil.
func Join(attributes string, data []byte) (events.Message, error) {
	var m events.Message
	if err := json.Unmarshal([]byte(attributes), &m); err != nil {
		return events.Message{}, fmt.Errorf("message row: %w", err)
	}
	m.Time, m.Data = m.Time.UTC(), nil
	if len(data) > 0 {
		m.Data = data
	}
	return m, nil
}
