package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification"
)

var (
	open  = bson.D{{Key: "$in", Value: bson.A{notification.Pending, notification.Resolving}}}
	shown = bson.D{{Key: "$in", Value: bson.A{notification.Pending, notification.Sent, notification.Failed, notification.Outdated}}}
)

// spare is how many more deliveries than wanted a claim looks at, for those
// that others claim meanwhile; readied how many one makes ready at most, which
// keeps its cost independent of how many wait.
const (
	spare   = 8
	readied = 64
)

// unreadablePause is how long a delivery waits that cannot be claimed because a
// document cannot be read.
const unreadablePause = 5 * time.Minute

// Claim implements notification.Store: it makes ready what is due, looks for
// what comes first, and claims each by one update that demands that it still is
// as it was found.
func (s *Store) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	claimed := []notification.Notification{}
	field := string(c)
	if err := s.makeReady(ctx, field, now); err != nil {
		return claimed, err
	}
	for len(claimed) < limit {
		want := limit - len(claimed) + spare
		ready, err := s.ready(ctx, field, want)
		if err != nil {
			return claimed, unless(len(claimed) > 0, err)
		}
		for _, m := range ready {
			if len(claimed) == limit {
				break
			}
			n, won, err := s.lease(ctx, m, c, now, until)
			if err != nil && !errors.Is(err, storage.ErrUnavailable) && ctx.Err() == nil {
				s.messages.Unreadable(ctx, m.ID, err)
				err = s.putOff(ctx, m.ID, field, now)
			}
			if err != nil {
				// What is claimed already is worked on; the rest stays ready.
				return claimed, unless(len(claimed) > 0, err)
			}
			if won {
				claimed = append(claimed, n)
			}
		}
		if len(ready) < want {
			break
		}
	}
	return claimed, nil
}

// putOff lets a delivery wait that is ready and cannot be claimed: it, or an
// earlier one of its booking, cannot be read.
func (s *Store) putOff(ctx context.Context, id, field string, now time.Time) error {
	_, err := s.messages.Update(ctx, append(byID(id), bson.E{Key: field + ".ready", Value: true}), bson.D{{Key: "$set", Value: bson.D{
		{Key: field + ".ready", Value: false}, {Key: field + ".due", Value: now.Add(unreadablePause).UnixMicro()},
	}}})
	return err
}

// unless is err where ok is false.
func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

// BringForward implements notification.Store.
func (s *Store) BringForward(ctx context.Context, leased, waiting time.Time) error {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	there := bson.D{{Key: "$exists", Value: true}}
	var errs []error
	for _, field := range channels {
		for _, late := range []struct {
			ready, lease any
			due          time.Time
		}{{false, there, leased}, {false, absent, waiting}, {absent, there, leased}} {
			errs = append(errs, s.messages.UpdateAll(ctx, bson.D{
				{Key: field + ".ready", Value: late.ready},
				{Key: field + ".due", Value: bson.D{{Key: "$gt", Value: late.due.UnixMicro()}}},
				{Key: field + ".lease", Value: late.lease},
			}, bson.D{{Key: "$set", Value: bson.D{{Key: field + ".due", Value: late.due.UnixMicro()}}}}))
		}
	}
	return errors.Join(errs...)
}

// makeReady makes ready what is due of one channel. What was leased gets its
// grace first.
func (s *Store) makeReady(ctx context.Context, field string, now time.Time) error {
	due := bson.D{
		{Key: field + ".ready", Value: false},
		{Key: field + ".due", Value: bson.D{{Key: "$lte", Value: now.UnixMicro()}}},
	}
	var ms []message
	if _, err := s.messages.AllReadable(ctx, due, readied, &ms, options.Find().
		SetSort(bson.D{{Key: field + ".due", Value: 1}}).
		SetProjection(bson.D{
			{Key: field + ".status", Value: 1}, {Key: field + ".lease", Value: 1}, {Key: field + ".ended", Value: 1},
		})); err != nil {
		return err
	}
	for _, m := range ms {
		d := *m.delivery(notification.Channel(field))
		set := bson.D{{Key: field + ".ready", Value: true}}
		if d.Lease != "" && !d.Ended {
			set = bson.D{{Key: field + ".due", Value: now.Add(notification.Grace).UnixMicro()}, {Key: field + ".ended", Value: true}}
		}
		filter := append(append(byID(m.ID), asRead(field, d)...), due...)
		if _, err := s.messages.Update(ctx, filter, bson.D{{Key: "$set", Value: set}}); err != nil {
			return err
		}
	}
	return nil
}

// ready returns up to limit messages whose delivery by one channel is ready, those
// first whose turn it is.
func (s *Store) ready(ctx context.Context, field string, limit int) (ready []message, err error) {
	_, err = s.messages.AllReadable(ctx, bson.D{{Key: field + ".ready", Value: true}}, limit, &ready, options.Find().
		SetSort(bson.D{{Key: field + ".turn", Value: 1}, {Key: field + ".due", Value: 1}}).
		SetProjection(bson.D{
			{Key: "booking_id", Value: 1}, {Key: "version", Value: 1}, {Key: "kind", Value: 1}, {Key: "unchecked", Value: 1},
		}))
	return ready, err
}

// lease claims one delivery, unless somebody else was faster, or an earlier one
// of its booking has to go first.
func (s *Store) lease(ctx context.Context, found message, c notification.Channel, now, until time.Time) (notification.Notification, bool, error) {
	field := string(c)
	ready := append(byID(found.ID), bson.E{Key: field + ".ready", Value: true})
	set := bson.D{
		{Key: field + ".ready", Value: false},
		{Key: field + ".lease", Value: uuid.NewString()},
		{Key: field + ".due", Value: until.UnixMicro()},
	}
	unset := bson.D{{Key: field + ".ended", Value: ""}}
	if found.Unchecked {
		rest, err := s.compare(ctx, found)
		if err == nil && rest.stale {
			_, err = s.outdate(ctx, found.ID, true)
		}
		if err != nil || rest.stale {
			return notification.Notification{}, false, err
		}
		if unset = append(unset, bson.E{Key: "unchecked", Value: ""}); rest.overtakes {
			set = append(set, bson.E{Key: "overtaken", Value: true})
		}
	}
	if found.BookingID != "" {
		due, wait, err := s.earlier(ctx, found, field, now)
		if err != nil {
			return notification.Notification{}, false, err
		}
		if wait {
			_, err := s.messages.Update(ctx, ready, bson.D{{Key: "$set", Value: bson.D{
				{Key: field + ".ready", Value: false},
				{Key: field + ".due", Value: max(due, now.UnixMicro()) + notification.Behind.Microseconds()},
			}}})
			return notification.Notification{}, false, err
		}
	}
	var m message
	won, err := s.messages.Updated(ctx, ready, bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: unset}}, &m)
	if err != nil || !won {
		return notification.Notification{}, false, err
	}
	return m.notification(c), true, nil
}

// earlier reports whether an earlier delivery of m's booking has to go first, and
// when that is due if nobody has it.
func (s *Store) earlier(ctx context.Context, m message, field string, now time.Time) (due int64, wait bool, err error) {
	var found []message
	if err := s.messages.All(ctx, bson.D{
		{Key: "booking_id", Value: m.BookingID}, {Key: "version", Value: bson.D{{Key: "$lt", Value: m.Version}}},
	}, &found, options.Find().SetProjection(header)); err != nil {
		return 0, false, err
	}
	ended := now.Add(-notification.Grace).UnixMicro()
	for _, other := range found {
		d := *other.delivery(notification.Channel(field))
		if d == nil || !d.Status.Open() && (d.Lease == "" || d.Due <= ended) {
			continue
		}
		wait = true
		if d.Lease == "" {
			due = max(due, d.Due)
		}
	}
	return due, wait, nil
}

// Outdated implements notification.Store.
func (s *Store) Outdated(ctx context.Context, n notification.Notification) (bool, error) {
	field := string(n.Channel)
	var m message
	there, err := s.messages.One(ctx, bson.D{{Key: field + ".id", Value: n.ID}}, header, &m)
	if err != nil || !there {
		return false, err
	}
	d := *m.delivery(n.Channel)
	return d.Lease != "" && d.Lease == n.Lease && !d.Status.Open(), nil
}

// Settle implements notification.Store.
func (s *Store) Settle(ctx context.Context, n notification.Notification) error {
	field := string(n.Channel)
	if !slices.Contains(channels, field) {
		return notification.ErrLeaseLost
	}
	if n.Lease == "" {
		return s.notMine(ctx, n)
	}
	mine := bson.D{{Key: field + ".id", Value: n.ID}, {Key: field + ".lease", Value: n.Lease}}
	set := bson.D{
		{Key: field + ".to", Value: n.To},
		{Key: field + ".subject", Value: n.Subject},
		{Key: field + ".attempts", Value: n.Attempts},
		{Key: field + ".turn", Value: n.Turn},
	}
	unset := bson.D{{Key: field + ".lease", Value: ""}, {Key: field + ".ended", Value: ""}}
	if n.SentAt.IsZero() {
		unset = append(unset, bson.E{Key: field + ".sent_at", Value: ""})
	} else {
		set = append(set, bson.E{Key: field + ".sent_at", Value: n.SentAt.UnixMicro()})
	}
	outcome := append(set[:len(set):len(set)], bson.E{Key: field + ".status", Value: n.Status}, bson.E{Key: field + ".error", Value: n.Error})
	// A settled delivery has no due time: BringForward would find one that is far
	// in the future.
	settled := append(unset[:len(unset):len(unset)], bson.E{Key: field + ".ready", Value: ""}, bson.E{Key: field + ".due", Value: ""})
	if !n.Status.Open() {
		return s.settle(ctx, n, mine, outcome, settled)
	}
	waits := append(outcome, bson.E{Key: field + ".ready", Value: false}, bson.E{Key: field + ".due", Value: n.Due.UnixMicro()})
	done, err := s.settlements.Do(ctx, settlement{
		field: field, id: n.ID, filter: append(mine[:len(mine):len(mine)], bson.E{Key: field + ".status", Value: open}), set: waits, unset: unset,
	})
	if err != nil || done {
		return err
	}
	return s.settle(ctx, n, mine, set, settled) // if it was outdated meanwhile
}

func (s *Store) settle(ctx context.Context, n notification.Notification, filter, set, unset bson.D) error {
	mine, err := s.settlements.Do(ctx, settlement{field: string(n.Channel), id: n.ID, filter: filter, set: set, unset: unset})
	if err == nil && !mine {
		return s.notMine(ctx, n)
	}
	return err
}

// settlement is an update of one delivery by one channel, which filter finds.
type settlement struct {
	field, id          string
	filter, set, unset bson.D
}

// settleEach makes the updates by one request, and returns which have found their
// deliveries.
func (s *Store) settleEach(ctx context.Context, all []settlement) ([]bool, error) {
	changes, marks, done := make([]mongodb.Change, len(all)), make([]string, len(all)), make([]bool, len(all))
	for i, one := range all {
		marks[i] = uuid.NewString()
		changes[i] = mongodb.Change{Filter: one.filter, Change: bson.D{
			{Key: "$set", Value: append(one.set[:len(one.set):len(one.set)], bson.E{Key: one.field + ".settled", Value: marks[i]})},
			{Key: "$unset", Value: one.unset},
		}}
	}
	matched, err := s.messages.UpdateEach(ctx, changes)
	if err != nil {
		return nil, err
	}
	if matched == len(all) || len(all) == 1 {
		for i := range done {
			done[i] = matched == len(all)
		}
		return done, nil
	}
	// Some have, and that does not say which.
	last := map[string]string{} // what the last Settle of each calls itself
	for _, field := range channels {
		var ids []string
		for _, one := range all {
			if one.field == field {
				ids = append(ids, one.id)
			}
		}
		if len(ids) == 0 {
			continue
		}
		var found []message
		if err := s.messages.All(ctx, bson.D{{Key: field + ".id", Value: bson.D{{Key: "$in", Value: ids}}}}, &found,
			options.Find().SetProjection(bson.D{{Key: field + ".id", Value: 1}, {Key: field + ".settled", Value: 1}})); err != nil {
			return nil, err
		}
		for _, m := range found {
			d := *m.delivery(notification.Channel(field))
			last[d.ID] = d.Settled
		}
	}
	for i, one := range all {
		done[i] = last[one.id] == marks[i]
	}
	return done, nil
}

// notMine is why n cannot be settled by its lease.
func (s *Store) notMine(ctx context.Context, n notification.Notification) error {
	field := string(n.Channel)
	var m message
	there, err := s.messages.One(ctx, bson.D{{Key: field + ".id", Value: n.ID}}, bson.D{{Key: field + ".status", Value: 1}}, &m)
	switch {
	case err != nil:
		return err
	case there && !(*m.delivery(n.Channel)).Status.Open():
		return notification.ErrSettled
	}
	return notification.ErrLeaseLost
}

// List implements notification.Store. It has the newest of each channel, and
// of these the newest.
func (s *Store) List(ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
	listed := []notification.Notification{}
	if f.Status != "" && !f.Status.Shown() {
		return listed, nil
	}
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	for _, field := range channels {
		c := notification.Channel(field)
		var ms []message
		if err := s.messages.List(ctx, mongodb.Page{
			Filter: chosen(field, f), Limit: f.Limit,
			Order: bson.D{{Key: field + ".created_at", Value: -1}, {Key: field + ".id", Value: -1}},
		}, &ms); err != nil {
			return nil, err
		}
		for _, m := range ms {
			listed = append(listed, m.notification(c))
		}
	}
	slices.SortFunc(listed, func(a, b notification.Notification) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return listed[:min(f.Limit, len(listed))], nil
}

// chosen is the filter of the messages whose delivery by one channel f chooses.
func chosen(field string, f notification.Filter) bson.D {
	filter := bson.D{}
	if f.Status != "" {
		filter = append(filter, bson.E{Key: field + ".status", Value: f.Status})
	} else {
		filter = append(filter, bson.E{Key: field + ".status", Value: shown})
	}
	if f.UserID != "" {
		filter = append(filter, bson.E{Key: field + ".user_id", Value: f.UserID})
	}
	if f.BookingID != "" {
		filter = append(filter, bson.E{Key: "booking_id", Value: f.BookingID})
	}
	if f.After != nil {
		at := f.After.CreatedAt.UnixMicro()
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: field + ".created_at", Value: bson.D{{Key: "$lt", Value: at}}}},
			bson.D{{Key: field + ".created_at", Value: at}, {Key: field + ".id", Value: bson.D{{Key: "$lt", Value: f.After.ID}}}},
		}})
	}
	return filter
}
