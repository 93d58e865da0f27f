package mongo

import (
	"errors"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// message is a document of the collection messages.
type message struct {
	ID        string            `bson:"_id"`
	BookingID string            `bson:"booking_id,omitempty"`
	Kind      notification.Kind `bson:"kind"`
	Version   int64             `bson:"version"`
	At        int64             `bson:"at"`
	// EventAt is from when the retention counts; 0 once the message is forgotten.
	// Those that an earlier release stored do not have it.
	EventAt int64 `bson:"event_at"`
	// Once is the record's where a booking may be told once; the message's id
	// where nobody is told of a booking.
	Once    string `bson:"once"`
	Booking string `bson:"booking,omitempty"` // what the message says, as JSON
	// Overtaken says that the booking has a message of a higher version of which
	// anybody is told, and which overtakes this one; Followed, that it has another
	// of which anybody is told.
	Overtaken bool `bson:"overtaken,omitempty"`
	Followed  bool `bson:"followed,omitempty"`
	// Undecided says that it is not known yet whether the message is told. It
	// has no deliveries, and no receipt: whoever sent it sends it again.
	Undecided bool `bson:"undecided,omitempty"`
	// Unchecked says that the message was inserted with its deliveries, and perhaps
	// nobody has looked at the others of its booking since. Claim looks.
	Unchecked bool `bson:"unchecked,omitempty"`

	// The deliveries, at most one of each channel. Fields, and no array: each
	// then is updated, sorted and indexed by plain dotted paths.
	Email *delivery `bson:"email,omitempty"`
	SMS   *delivery `bson:"sms,omitempty"`
}

// channels are the names of a message's fields that hold deliveries.
var channels = []string{string(notification.Email), string(notification.SMS)}

// delivery is one of a message's deliveries. Times are in microseconds since
// 1970: MongoDB's own have milliseconds.
type delivery struct {
	ID        string              `bson:"id"`
	UserID    string              `bson:"user_id"`
	To        string              `bson:"to"`
	Subject   string              `bson:"subject"`
	Text      string              `bson:"text"`
	HTML      string              `bson:"html"`
	Calendar  string              `bson:"calendar,omitempty"`
	Status    notification.Status `bson:"status"`
	Attempts  int                 `bson:"attempts"`
	Error     string              `bson:"error"`
	CreatedAt int64               `bson:"created_at"`
	SentAt    int64               `bson:"sent_at,omitempty"` // absent until sent
	Due       int64               `bson:"due,omitempty"`     // while it is leased, when the lease ends; absent once it is settled
	Lease     string              `bson:"lease,omitempty"`   // absent when nobody has it
	Ended     bool                `bson:"ended,omitempty"`   // somebody has found the lease ended: due is when its grace ends
	Settled   string              `bson:"settled,omitempty"` // what the last Settle calls itself
	Turn      int64               `bson:"turn"`
	// Ready says that it has been due, and nobody has claimed it since. It is
	// false while it waits until it is due, and absent when it is not open.
	Ready *bool `bson:"ready,omitempty"`
}

// newMessage returns r's document, without deliveries.
func newMessage(r notification.Record) message {
	return message{
		ID: r.MessageID, BookingID: r.BookingID, Kind: r.Kind, Version: r.Version,
		At: r.At.UnixMicro(), Booking: r.Booking, EventAt: micros(r.EventAt), Once: r.MessageID,
	}
}

// errChannels is a mistake of ours: every delivery has a field of its own.
var errChannels = errors.New("notification mongo: a record has at most one delivery of each channel")

// setDeliveries puts ns into m.
func (m *message) setDeliveries(ns []notification.Notification) error {
	for _, n := range ns {
		field := m.delivery(n.Channel)
		if field == nil || *field != nil {
			return fmt.Errorf("%w: %q", errChannels, n.Channel)
		}
		ready := n.Lease == "" && n.Due.UnixMicro() <= m.At
		*field = &delivery{
			ID: n.ID, UserID: n.UserID, To: n.To, Subject: n.Subject, Text: n.Text, HTML: n.HTML, Calendar: n.Calendar,
			Status: n.Status, Attempts: n.Attempts, Error: n.Error,
			CreatedAt: n.CreatedAt.UnixMicro(), SentAt: micros(n.SentAt), Due: n.Due.UnixMicro(), Lease: n.Lease,
			Turn: n.Turn, Ready: &ready,
		}
	}
	return nil
}

// delivery returns the field of a channel, or nil for one that has none.
func (m *message) delivery(c notification.Channel) **delivery {
	switch c {
	case notification.Email:
		return &m.Email
	case notification.SMS:
		return &m.SMS
	}
	return nil
}

// deliveries returns what m has, by the names of the fields.
func (m *message) deliveries() map[string]*delivery {
	all := map[string]*delivery{}
	for _, field := range channels {
		if d := *m.delivery(notification.Channel(field)); d != nil {
			all[field] = d
		}
	}
	return all
}

// open reports whether one of m's deliveries is open or leased.
func (m *message) open() bool {
	for _, d := range m.deliveries() {
		if d.Status.Open() || d.Lease != "" {
			return true
		}
	}
	return false
}

// told reports whether m has a delivery that no quota has stopped.
func (m *message) told() bool {
	for _, d := range m.deliveries() {
		if d.Status != notification.Failed || d.Error != notification.OverQuota {
			return true
		}
	}
	return false
}

// limited reports whether m is decided and a quota has stopped it.
func (m *message) limited() bool { return len(m.deliveries()) > 0 && !m.told() }

// notification returns m's delivery by channel c, which it has.
func (m *message) notification(c notification.Channel) notification.Notification {
	d := *m.delivery(c)
	n := notification.Notification{
		ID: d.ID, BookingID: m.BookingID, UserID: d.UserID, Channel: c,
		To: d.To, Subject: d.Subject, Text: d.Text, HTML: d.HTML, Calendar: d.Calendar,
		Status: d.Status, Attempts: d.Attempts, Error: d.Error,
		CreatedAt: fromMicros(d.CreatedAt), Turn: d.Turn, Lease: d.Lease,
		Kind: m.Kind, Version: m.Version, Booking: m.Booking, Overtaken: m.Overtaken,
	}
	if d.Due != 0 {
		n.Due = fromMicros(d.Due)
	}
	if d.SentAt != 0 {
		n.SentAt = fromMicros(d.SentAt)
	}
	return n
}

// micros is t as it is stored; 0 for the zero time, which UnixMicro does not know.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
