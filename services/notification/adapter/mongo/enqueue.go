package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Enqueue implements notification.Store.
//
// A record that tells nobody, or of no booking, is inserted after it has overtaken
// the older ones. One that is leased from its birth, and needs no quota, is inserted
// with its deliveries; then it looks at the others of its booking. Mostly there are
// none, and that is all. Claim looks again when a lease has ended: its owner may have
// died in between. Any other is decided in steps, because another document may say
// that it is not to be told:
//
//  1. Insert the message, undecided and without deliveries.
//  2. Look at the other messages of its booking: one of a higher version that
//     outdates it makes it stale. One of a lower version is overtaken; if this
//     one outdates it, it is told no more, be it undecided or waiting to be sent.
//  3. Use its quotas, unless it is about the whole of a booking that is told already; then
//     those of its SMS.
//  4. Decide: set the deliveries where it is to be told.
//  5. Where one of its quotas was used up, free the others.
//
// Of two messages at a time each inserts before it looks, so that at least one
// sees the other; and what is newer outdates what is older before it is told
// itself. After a crash between two steps the message is undecided. It was
// not acknowledged and has no receipt, so it comes again, and any number of
// callers may then go on: step 4 succeeds once, and step 5 is done by each that
// finds it decided so.
func (s *Store) Enqueue(ctx context.Context, r notification.Record) (notification.Outcome, error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	m := newMessage(r)
	if err := m.setDeliveries(r.Deliveries); err != nil {
		return notification.Ignored, err
	}
	if r.BookingID == "" || r.Kind == notification.Nothing || len(r.Deliveries) == 0 {
		return s.insert(ctx, r, m)
	}
	leased := r.Deliveries[0].Lease != ""
	if leased && len(r.Quotas)+len(r.SMSQuotas) == 0 {
		if outcome, done, err := s.insertLeased(ctx, r, m); err != nil || done {
			return outcome, err
		}
	}
	if known, err := s.begin(ctx, r, m); err != nil || known {
		return notification.Ignored, err
	}
	rest, err := s.compare(ctx, m)
	if err != nil {
		return notification.Ignored, err
	}
	if rest.stale {
		return notification.Ignored, s.drop(ctx, m.ID)
	}
	used, admitted, err := s.admit(ctx, r, &m, rest)
	if err != nil {
		return notification.Ignored, err
	}
	if !admitted {
		decided, err := s.decide(ctx, m, rest, undecided(m.ID))
		if err == nil && decided {
			err = s.freeQuotas(ctx, used, m)
		}
		return outcome(decided, notification.Limited), err
	}
	texts, err := s.admitSMS(ctx, r, &m)
	if err != nil {
		return notification.Ignored, err
	}
	if leased && texts && !rest.newer && !rest.open {
		// Whoever overtakes it from now on sees that it is leased.
		filter := append(undecided(m.ID), bson.E{Key: "overtaken", Value: absent}, bson.E{Key: "followed", Value: absent})
		if decided, err := s.decide(ctx, m, rest, filter); err != nil || decided {
			return outcome(decided, notification.Leased), err
		}
	}
	if leased {
		for _, d := range m.deliveries() {
			d.Lease, d.Due = "", d.CreatedAt
			if d.Ready != nil {
				*d.Ready = true
			}
		}
	}
	decided, err := s.decide(ctx, m, rest, undecided(m.ID))
	return outcome(decided, notification.Stored), err
}

func outcome(stored bool, o notification.Outcome) notification.Outcome {
	if stored {
		return o
	}
	return notification.Ignored
}

// insert stores a record that nothing can make stale.
func (s *Store) insert(ctx context.Context, r notification.Record, m message) (notification.Outcome, error) {
	var rest others
	if r.BookingID != "" {
		var err error
		if rest, err = s.compare(ctx, m); err != nil {
			return notification.Ignored, err
		}
	}
	used, admitted, err := s.admit(ctx, r, &m, rest)
	if err != nil {
		return notification.Ignored, err
	}
	fresh, err := s.messages.Insert(ctx, m)
	if err == nil && !fresh {
		_, err = s.known(ctx, r, m)
	}
	if err != nil || !fresh {
		return notification.Ignored, err
	}
	if !admitted {
		return notification.Limited, s.freeQuotas(ctx, used, m)
	}
	if len(r.Deliveries) > 0 && r.Deliveries[0].Lease != "" {
		return notification.Leased, nil
	}
	return notification.Stored, nil
}

// insertLeased inserts a record with its deliveries, which are leased, and takes
// back what may not be told, or not yet. done is false where there is a message of
// this id, or a booking is told already.
func (s *Store) insertLeased(ctx context.Context, r notification.Record, m message) (o notification.Outcome, done bool, err error) {
	m.Once, m.Unchecked = r.Once(), true
	if done, err = s.messages.Insert(ctx, m); err != nil || !done {
		return notification.Ignored, false, err
	}
	rest, err := s.compare(ctx, m)
	switch {
	case err != nil:
		return notification.Ignored, true, err
	case rest.stale:
		return notification.Ignored, true, s.takeBack(ctx, m)
	case rest.newer, rest.open:
		return notification.Stored, true, s.giveUpLeases(ctx, m, rest)
	}
	// Whoever overtakes it from now on sees that it is leased.
	return notification.Leased, true, nil
}

// takeBack leaves nothing of m, which is unchecked and stale, but that its id is
// known. Once somebody else has claimed one of its deliveries, what is open ends.
func (s *Store) takeBack(ctx context.Context, m message) error {
	filter, unset := append(byID(m.ID), bson.E{Key: "unchecked", Value: true}), bson.D{{Key: "unchecked", Value: ""}, {Key: "booking", Value: ""}}
	for field, d := range m.deliveries() {
		filter, unset = append(filter, leaseOf(field, d)), append(unset, bson.E{Key: field, Value: ""})
	}
	done, err := s.messages.Update(ctx, filter, bson.D{
		{Key: "$set", Value: bson.D{{Key: "once", Value: m.ID}}}, {Key: "$unset", Value: unset},
	})
	if err == nil && !done {
		_, err = s.outdate(ctx, m.ID, true)
	}
	return err
}

// giveUpLeases lets the deliveries of m, which is unchecked, wait for their turn.
// What has been outdated or claimed meanwhile stays so.
func (s *Store) giveUpLeases(ctx context.Context, m message, rest others) error {
	for field, d := range m.deliveries() {
		if d.Lease == "" {
			continue
		}
		set := bson.D{{Key: field + ".ready", Value: true}, {Key: field + ".due", Value: d.CreatedAt}}
		if rest.overtakes {
			set = append(set, bson.E{Key: "overtaken", Value: true})
		}
		if _, err := s.messages.Update(ctx, append(byID(m.ID), asRead(field, d)...), bson.D{
			{Key: "$set", Value: set}, {Key: "$unset", Value: bson.D{{Key: field + ".lease", Value: ""}}},
		}); err != nil {
			return err
		}
	}
	return nil
}

// decide gives m, which filter finds if it is undecided, its deliveries.
func (s *Store) decide(ctx context.Context, m message, rest others, filter bson.D) (bool, error) {
	set := bson.D{}
	for field, d := range m.deliveries() {
		set = append(set, bson.E{Key: field, Value: d})
	}
	if rest.overtakes {
		set = append(set, bson.E{Key: "overtaken", Value: true})
	}
	return s.messages.Update(ctx, filter,
		bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: bson.D{{Key: "undecided", Value: ""}}}})
}

// begin sees to it that the message is there, undecided. known says that it is
// decided: it was before, or has become so because its booking is told already.
func (s *Store) begin(ctx context.Context, r notification.Record, m message) (known bool, err error) {
	first := m
	first.Once, first.Undecided, first.Email, first.SMS = r.Once(), true, nil, nil
	for try := 0; ; try++ {
		if inserted, err := s.messages.Insert(ctx, first); err != nil || inserted {
			return false, err
		}
		// Not every server says which of the two was there.
		there, err := s.known(ctx, r, m)
		if err != nil || there != nil {
			return there != nil && !there.Undecided, err
		}
		holder, err := s.find(ctx, bson.D{{Key: "once", Value: first.Once}})
		switch {
		case err != nil:
			return false, err
		case holder == nil: // it was dropped just now, or is not yet to be seen
			if err := mongodb.Pause(ctx, try); err != nil {
				return false, err
			}
		case holder.Undecided && holder.Version < m.Version:
			// It may never come again, or only to be found stale.
			if err := s.drop(ctx, holder.ID); err != nil {
				return false, err
			}
		default:
			second := m
			second.Email, second.SMS, second.Booking = nil, nil, ""
			_, err := s.messages.Insert(ctx, second)
			return true, err
		}
	}
}

// known returns what is stored as m, or nil. If that was decided and is not sent for
// its quotas, it uses none when known returns: whoever decided may have died before
// freeing them.
func (s *Store) known(ctx context.Context, r notification.Record, m message) (*message, error) {
	there, err := s.find(ctx, byID(m.ID))
	if err == nil && there != nil && there.limited() {
		err = s.freeQuotas(ctx, r.Quotas, m)
	}
	return there, err
}

// find returns what filter finds, without deliveries, or nil. A document that
// cannot be read counts as decided: nobody could go on with it.
func (s *Store) find(ctx context.Context, filter bson.D) (*message, error) {
	var found []bson.Raw
	if err := s.messages.All(ctx, filter, &found, options.Find().SetProjection(header).SetLimit(1)); err != nil || len(found) == 0 {
		return nil, err
	}
	var m message
	if err := bson.Unmarshal(found[0], &m); err != nil {
		s.messages.Unreadable(ctx, found[0].Lookup("_id").String(), err)
		return &message{}, nil
	}
	return &m, nil
}

// header is what a decision needs to know of a message.
var header = func() bson.D {
	fields := bson.D{}
	for _, name := range []string{"version", "kind", "once", "undecided", "overtaken", "followed"} {
		fields = append(fields, bson.E{Key: name, Value: 1})
	}
	for _, channel := range channels {
		for _, name := range []string{".status", ".error", ".lease", ".due"} {
			fields = append(fields, bson.E{Key: channel + name, Value: 1})
		}
	}
	return fields
}()

// others is what a message needs to know of the others of its booking.
type others struct {
	stale     bool     // one outdates it
	newer     bool     // there is one of a higher version of which anybody is told
	overtakes bool     // one of these overtakes it
	open      bool     // one of a lower version has a delivery that is open or leased
	told      bool     // one has a delivery that no quota has stopped
	whole     []string // the ids of those that are not about a part of it
}

// compare looks at the other messages of m's booking. Where nothing outdates m,
// all of a lower version are overtaken when it returns, and what m outdates is
// neither undecided nor open.
func (s *Store) compare(ctx context.Context, m message) (rest others, err error) {
	var found []message
	if _, err := s.messages.AllReadable(ctx, bson.D{{Key: "booking_id", Value: m.BookingID}}, 0, &found,
		options.Find().SetProjection(header)); err != nil {
		return others{}, err
	}
	for _, other := range found {
		if other.Version > m.Version && other.Kind.Outdates(m.Kind) {
			return others{stale: true}, nil
		}
		newer := other.Version > m.Version && other.Once != other.ID
		rest.newer, rest.overtakes = rest.newer || newer, rest.overtakes || newer && other.Kind.Overtakes()
		rest.told = rest.told || other.told()
		if other.Kind != notification.ItemsCancelled {
			rest.whole = append(rest.whole, other.ID)
		}
	}
	for _, other := range found {
		if other.Version >= m.Version || other.Kind == notification.Nothing {
			continue
		}
		open, err := s.overtake(ctx, m, other)
		if err != nil {
			return others{}, err
		}
		rest.open = rest.open || open
	}
	return rest, nil
}

// overtake lets m overtake older, and outdate it where it does. open says that
// one of older's deliveries is open or leased.
func (s *Store) overtake(ctx context.Context, m, older message) (open bool, err error) {
	outdated, mark, marked := m.Kind.Outdates(older.Kind), "overtaken", older.Overtaken
	if !m.Kind.Overtakes() {
		mark, marked = "followed", older.Followed
	}
	if m.Kind != notification.Nothing && !marked {
		if _, err := s.messages.Update(ctx, byID(older.ID), bson.D{{Key: "$set", Value: bson.D{{Key: mark, Value: true}}}}); err != nil {
			return false, err
		}
	} else if !older.Undecided && (!outdated || !older.open()) {
		return older.open(), nil // it gets no lease from its birth any more
	}
	return s.outdate(ctx, older.ID, outdated)
}

// outdate ends the open deliveries of a message, or decides that it has none, if
// it is outdated. open says that one is open or leased.
func (s *Store) outdate(ctx context.Context, id string, outdated bool) (open bool, err error) {
	if outdated {
		if err := s.drop(ctx, id); err != nil {
			return false, err
		}
	}
	for try := 0; ; try++ {
		var m message
		if there, err := s.messages.One(ctx, byID(id), header, &m); err != nil || !there {
			return false, err
		}
		open, again := false, false
		for field, d := range m.deliveries() {
			open = open || d.Lease != "" || d.Status.Open() && !outdated
			if !outdated || !d.Status.Open() {
				continue
			}
			done, err := s.messages.Update(ctx, append(byID(id), asRead(field, d)...), ended(field, d, notification.Replaced))
			if err != nil {
				return false, err
			}
			again = again || !done // it was claimed, or settled
		}
		if !again {
			return open, nil
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return false, err
		}
	}
}

// asRead is the condition that a delivery has the status and the lease that it
// had when it was read.
func asRead(field string, d *delivery) bson.D {
	return bson.D{{Key: field + ".status", Value: d.Status}, leaseOf(field, d)}
}

// leaseOf is the condition that a delivery has the lease that it had when it was
// read.
func leaseOf(field string, d *delivery) bson.E {
	if d.Lease == "" {
		return bson.E{Key: field + ".lease", Value: absent}
	}
	return bson.E{Key: field + ".lease", Value: d.Lease}
}

// endedFields are the fields of a delivery that has had an open status and is
// ended for this reason.
func endedFields(field string, was notification.Status, reason string) bson.D {
	status := notification.Outdated
	if was == notification.Resolving {
		status = notification.Dropped
	}
	return bson.D{{Key: field + ".status", Value: status}, {Key: field + ".error", Value: reason}}
}

// ended ends a delivery with an open status, for this reason. With a lease it is
// due still, when that ends.
func ended(field string, was *delivery, reason string) bson.D {
	unset := bson.D{{Key: field + ".ready", Value: ""}}
	if was.Lease == "" {
		unset = append(unset, bson.E{Key: field + ".due", Value: ""})
	}
	return bson.D{{Key: "$set", Value: endedFields(field, was.Status, reason)}, {Key: "$unset", Value: unset}}
}

// drop decides that a message, if it is undecided, is told to nobody.
func (s *Store) drop(ctx context.Context, id string) error {
	_, err := s.messages.Update(ctx, undecided(id), bson.D{
		{Key: "$set", Value: bson.D{{Key: "once", Value: id}}},
		{Key: "$unset", Value: bson.D{{Key: "undecided", Value: ""}, {Key: "booking", Value: ""}}},
	})
	return err
}

func undecided(id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "undecided", Value: true}}
}
