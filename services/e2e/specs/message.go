package specs

import (
	"encoding/json"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/asyncapi"
)

// Messages is what the AsyncAPI document says of messages.
type Messages struct {
	root    map[string]any
	schemas *schemas
}

// NewMessages reads the document.
func NewMessages() (*Messages, error) {
	root, schemas, err := read("asyncapi.json", asyncapi.Document)
	return &Messages{root, schemas}, err
}

// Check returns an error unless a message, as it is on the wire, is one that is
// documented for its topic. It returns the message's type.
func (m *Messages) Check(topic string, envelope []byte) (kind string, err error) {
	var e struct{ Type string }
	if err := json.Unmarshal(envelope, &e); err != nil {
		return "", fmt.Errorf("a message of %s: %w", topic, err)
	}
	for name := range at(m.root, "channels", topic, "messages") {
		if at(m.root, "components", "messages", name)["name"] != e.Type {
			continue
		}
		if err := m.schemas.check(envelope, "components", "messages", name, "payload"); err != nil {
			return e.Type, fmt.Errorf("a message of %s, against its document: %w: %s", topic, err, envelope)
		}
		return e.Type, nil
	}
	return e.Type, fmt.Errorf("the document has no message %q of the topic %q", e.Type, topic)
}
