// Package broker is the port through which services tell each other what
// happened. brokertest holds its contract; every adapter passes it.
package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Publisher hands messages to the broker.
type Publisher interface {
	// Publish gives the messages of batch to every consumer subscribed to topic,
	// now or later.
	//
	//   - Nil means that the broker has taken all of them, not that none can ever
	//     be lost: whoever must not lose a message keeps it in an outbox until
	//     every consumer has receipted it.
	//   - An error means that some may or may not have been taken. A BatchError
	//     names them, and the broker has taken the others; Failure finds the
	//     error of one message. ErrPartly, where the broker can tell, says that
	//     some consumers will have a message.
	//   - A message that is refused, as one without an ID is, keeps none of the
	//     others back.
	//   - Once ctx has ended, no message is published, and each is reported.
	//   - An empty batch publishes nothing and is no error.
	//   - Messages may arrive in another order than that of batch.
	Publish(ctx context.Context, topic string, batch ...events.Message) error
}

// Subscriber lets a consumer hear a topic.
type Subscriber interface {
	// Subscribe delivers each message of s.Topic that is published after it
	// to s.Handle, at least once, in no promised order, several at a time.
	// A message whose handler returns an error is delivered again, after a
	// growing pause. One that is rejected, or that has failed too often,
	// goes to s.DeadLetter instead, itself retried until it returns nil: a
	// message is never dropped while the broker runs. An outage is waited out:
	// a failure that IsOutage never counts as one too many. Each consumer of a
	// topic has a copy of its own: what one does never delays or hides it
	// from another. A handler that panics has failed, no more.
	Subscribe(s Subscription) error
}

// Subscription is one consumer's interest in one topic.
type Subscription struct {
	Topic    string
	Consumer string // the consumer's service: "event"

	// Handle has the effect of the message. Nil acknowledges it; an error
	// that is ErrReject goes to DeadLetter at once; one that IsOutage is
	// retried for as long as it lasts; any other, until it is one too many.
	Handle Handler
	// DeadLetter stores a message that Handle cannot have, with the reason.
	DeadLetter func(ctx context.Context, m events.Message, reason string) error
}

// Handler consumes one message. It must be idempotent by m.ID.
type Handler func(ctx context.Context, m events.Message) error

// ErrPartly, wrapped in an error of Publish, says that the message is on its
// way to some of its consumers, and not to all. The broker is not away.
var ErrPartly = errors.New("not every consumer can be reached")

// ErrReject, wrapped in a handler's error, says that trying again is no use:
// the message is malformed.
var ErrReject = errors.New("message rejected")

// TypeMalformed is the type of a dead letter whose message could not be read. Its
// data hold the bytes that came, as "body", or as "body_base64" if they are no
// text; its id is made of them.
const TypeMalformed = "malformed"

// ErrUnknownType, wrapped in a handler's error, says that this consumer does not
// know the message's type. inbox.IgnoreUnknown is the answer to it.
var ErrUnknownType = errors.New("unknown message type")

// Handling returns handle with two of the service's own errors as this package's:
// malformed becomes ErrReject, and unknownType becomes ErrUnknownType.
func Handling(handle Handler, malformed, unknownType error) Handler {
	return func(ctx context.Context, m events.Message) error {
		err := handle(ctx, m)
		switch {
		case errors.Is(err, malformed):
			return fmt.Errorf("%w: %w", ErrReject, err)
		case errors.Is(err, unknownType):
			return fmt.Errorf("%w: %w", ErrUnknownType, err)
		}
		return err
	}
}

// IsOutage reports whether a handler's error says nothing about the message:
// the storage was not available, or there was no time left. The message would
// have been handled, and will be once the outage is over, however long it is.
func IsOutage(err error) bool {
	return errors.Is(err, storage.ErrUnavailable) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
