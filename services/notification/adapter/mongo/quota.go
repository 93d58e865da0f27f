package mongo

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// quota is a document of the collection quotas: when the messages with one key
// were sent.
type quota struct {
	Key     string `bson:"_id"`
	Version int64  `bson:"version"` // grows with every change
	At      int64  `bson:"at"`      // of the last change, for Prune
	Uses    []use  `bson:"uses"`
}

type use struct {
	Message string `bson:"message"`
	At      int64  `bson:"at"`
}

// admit uses the quotas of r, unless it is about the whole of a booking that is told
// already. If one is used up, m's deliveries are Failed, and what it has used of the
// others is for freeQuotas.
//
// A message that is decided upon again, after a crash or by a second caller, finds
// what it has used. If it is about the whole of its booking, it also finds what another
// such message has used: that may be undecided and sent later, or have been dropped for
// this one.
func (s *Store) admit(ctx context.Context, r notification.Record, m *message, rest others) (used []notification.Quota, admitted bool, err error) {
	shared := rest.whole
	if r.Part != "" {
		shared = nil
	} else if rest.told {
		return nil, true, nil
	}
	for i, q := range r.Quotas {
		admitted, err := s.useQuota(ctx, q, r, shared)
		if err != nil {
			return nil, false, err
		}
		if !admitted {
			for _, d := range m.deliveries() {
				d.Status, d.Error, d.Lease, d.Due, d.Ready = notification.Failed, notification.OverQuota, "", d.CreatedAt, nil
			}
			return r.Quotas[:i], false, nil
		}
	}
	return nil, true, nil
}

// admitSMS uses the quotas of r's SMS, and reports whether none was used up. Otherwise
// m's SMS is Dropped.
func (s *Store) admitSMS(ctx context.Context, r notification.Record, m *message) (bool, error) {
	for i, q := range r.SMSQuotas {
		admitted, err := s.useQuota(ctx, q, r, nil)
		if err != nil {
			return false, err
		}
		if admitted {
			continue
		}
		if d := m.SMS; d != nil {
			d.Status, d.Error, d.Lease, d.Due, d.Ready = notification.Dropped, notification.OverSMSQuota, "", d.CreatedAt, nil
		}
		// Whoever decides upon r once more finds this one used up, too, or all free.
		return false, s.freeQuotas(ctx, r.SMSQuotas[:i], *m)
	}
	return true, nil
}

// freeQuotas undoes that m has used these quotas, once it is decided that it is not
// sent: before, somebody else may still decide otherwise.
func (s *Store) freeQuotas(ctx context.Context, used []notification.Quota, m message) error {
	for _, q := range used {
		if _, err := s.changeQuota(ctx, q.Key, 0, func(uses []use) ([]use, bool) {
			rest := slices.DeleteFunc(slices.Clone(uses), func(u use) bool { return u.Message == m.ID })
			if len(rest) == len(uses) {
				return nil, true
			}
			return rest, true
		}); err != nil {
			return err
		}
	}
	return nil
}

// useQuota uses q for r, unless it is used up. What one of the messages shared has used
// counts for r as well.
func (s *Store) useQuota(ctx context.Context, q notification.Quota, r notification.Record, shared []string) (bool, error) {
	at := r.At.UnixMicro()
	return s.changeQuota(ctx, q.Key, at, func(uses []use) ([]use, bool) {
		kept, used := []use{}, 0
		for _, u := range uses {
			now := u.At > at-notification.QuotaPeriod.Microseconds() && u.At < at+notification.QuotaPeriod.Microseconds()
			if u.Message == r.MessageID || now && slices.Contains(shared, u.Message) {
				return nil, true
			}
			if now {
				used++
			}
			// Another process may still count from a little earlier than now.
			if u.At > at-2*notification.QuotaPeriod.Microseconds() {
				kept = append(kept, u)
			}
		}
		if used >= q.Most {
			return nil, false
		}
		return append(kept, use{Message: r.MessageID, At: at}), true
	})
}

// changeQuota replaces the uses stored for a key by those that change returns, and
// returns what change reports. If change returns nil, nothing is stored. It is
// called again if somebody else has changed the uses meanwhile.
func (s *Store) changeQuota(ctx context.Context, key string, at int64, change func([]use) ([]use, bool)) (bool, error) {
	for try := 0; ; try++ {
		var known quota
		there, err := s.quotas.One(ctx, byID(key), nil, &known)
		if err != nil {
			return false, err
		}
		uses, ok := change(known.Uses)
		if uses == nil {
			return ok, nil
		}
		next := quota{Key: key, Version: known.Version + 1, At: max(known.At, at), Uses: uses}
		var done bool
		if there {
			done, err = s.quotas.Update(ctx, append(byID(key), bson.E{Key: "version", Value: known.Version}), bson.D{{Key: "$set", Value: bson.D{
				{Key: "version", Value: next.Version}, {Key: "at", Value: next.At}, {Key: "uses", Value: next.Uses},
			}}})
		} else {
			done, err = s.quotas.Insert(ctx, next)
		}
		if err != nil || done {
			return ok, err
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return false, err
		}
	}
}

// PruneQuotas forgets the keys of which nothing was sent since t; call it with a t
// that is more than two notification.QuotaPeriods ago.
func (s *Store) PruneQuotas(ctx context.Context, t time.Time) error {
	return s.quotas.RemoveAll(ctx, bson.D{{Key: "at", Value: bson.D{{Key: "$lt", Value: t.UnixMicro()}}}})
}
