package mongo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

var (
	open  = bson.D{{Key: "$in", Value: bson.A{notification.Pending, notification.Resolving}}}
	shown = bson.D{{Key: "$in", Value: bson.A{notification.Pending, notification.Sent, notification.Failed}}}
)

// spare is how many more deliveries than wanted a claim looks at, for those
// that others claim meanwhile.
const spare = 8

// candidate is a delivery that was due when it was looked for.
type candidate struct {
	messageID string
	channel   notification.Channel
	due       int64
	lease     string // that has ended; empty when nobody has it
	ended     bool   // somebody has found it so before: its grace has ended as well
}

// Claim implements notification.Store: it looks for what is due, and then
// claims each, or gives it its grace, by one update that demands that it still
// is as it was found.
func (s *Store) Claim(ctx context.Context, now, until time.Time, limit int) ([]notification.Notification, error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	claimed := []notification.Notification{}
	for len(claimed) < limit {
		want := limit - len(claimed) + spare
		due, err := s.due(ctx, now, want)
		if err != nil {
			return claimed, unless(len(claimed) > 0, err)
		}
		for _, c := range due {
			if len(claimed) == limit {
				break
			}
			if c.lease != "" && !c.ended {
				if err := s.grace(ctx, c, now); err != nil {
					return claimed, unless(len(claimed) > 0, err)
				}
				continue
			}
			n, won, err := s.lease(ctx, c, now, until)
			if err != nil {
				// What is claimed already is worked on; the rest stays due.
				return claimed, unless(len(claimed) > 0, err)
			}
			if won {
				claimed = append(claimed, n)
			}
		}
		if len(due) < want {
			break
		}
	}
	return claimed, nil
}

// unless is err where ok is false.
func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

// due returns up to limit deliveries that are due, oldest first.
func (s *Store) due(ctx context.Context, now time.Time, limit int) ([]candidate, error) {
	var due []candidate
	for _, field := range channels {
		c := notification.Channel(field)
		var ms []message
		if err := s.messages.All(ctx, dueBy(field, now), &ms, options.Find().
			SetSort(bson.D{{Key: field + ".due", Value: 1}}).SetLimit(int64(limit)).
			SetProjection(bson.D{
				{Key: field + ".due", Value: 1}, {Key: field + ".lease", Value: 1}, {Key: field + ".ended", Value: 1},
			})); err != nil {
			return nil, err
		}
		for _, m := range ms {
			d := *m.delivery(c)
			due = append(due, candidate{m.ID, c, d.Due, d.Lease, d.Ended})
		}
	}
	slices.SortStableFunc(due, func(a, b candidate) int { return cmp.Compare(a.due, b.due) })
	return due[:min(limit, len(due))], nil
}

func dueBy(field string, now time.Time) bson.D {
	return bson.D{
		{Key: field + ".status", Value: open},
		{Key: field + ".due", Value: bson.D{{Key: "$lte", Value: now.UnixMicro()}}},
	}
}

// asFound chooses c while it is due and nobody has claimed, settled or ended it
// since it was found.
func (c candidate) asFound(now time.Time) bson.D {
	field, lease, ended := string(c.channel), any(absent), any(absent)
	if c.lease != "" {
		lease = c.lease
	}
	if c.ended {
		ended = true
	}
	return append(append(byID(c.messageID), dueBy(field, now)...),
		bson.E{Key: field + ".lease", Value: lease}, bson.E{Key: field + ".ended", Value: ended})
}

// lease claims one delivery, unless somebody else was faster.
func (s *Store) lease(ctx context.Context, c candidate, now, until time.Time) (notification.Notification, bool, error) {
	field := string(c.channel)
	var m message
	won, err := s.messages.Updated(ctx, c.asFound(now), bson.D{
		{Key: "$set", Value: bson.D{
			{Key: field + ".lease", Value: uuid.NewString()},
			{Key: field + ".due", Value: until.UnixMicro()},
		}},
		{Key: "$unset", Value: bson.D{{Key: field + ".ended", Value: ""}}},
	}, &m)
	if err != nil || !won {
		return notification.Notification{}, false, err
	}
	return m.notification(c.channel), true, nil
}

// grace leaves a delivery whose lease has ended to whoever had it, for a while.
func (s *Store) grace(ctx context.Context, c candidate, now time.Time) error {
	field := string(c.channel)
	_, err := s.messages.Update(ctx, c.asFound(now), bson.D{{Key: "$set", Value: bson.D{
		{Key: field + ".due", Value: now.Add(notification.Grace).UnixMicro()},
		{Key: field + ".ended", Value: true},
	}}})
	return err
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
	set := bson.D{
		{Key: field + ".status", Value: n.Status},
		{Key: field + ".to", Value: n.To},
		{Key: field + ".attempts", Value: n.Attempts},
		{Key: field + ".error", Value: n.Error},
		{Key: field + ".due", Value: n.Due.UnixMicro()},
	}
	unset := bson.D{{Key: field + ".lease", Value: ""}, {Key: field + ".ended", Value: ""}}
	if n.SentAt.IsZero() {
		unset = append(unset, bson.E{Key: field + ".sent_at", Value: ""})
	} else {
		set = append(set, bson.E{Key: field + ".sent_at", Value: n.SentAt.UnixMicro()})
	}
	mine, err := s.messages.Update(ctx,
		bson.D{{Key: field + ".id", Value: n.ID}, {Key: field + ".lease", Value: n.Lease}},
		bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: unset}})
	if err == nil && !mine {
		return s.notMine(ctx, n)
	}
	return err
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
