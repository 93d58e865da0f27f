package usertest_test

import (
	"context"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// guests is a user.Guests of which some methods are replaced.
type guests struct {
	user.Guests
	create func(ctx context.Context, g user.Guest) error
	prune  func(ctx context.Context, before time.Time) error
}

func (s guests) Create(ctx context.Context, g user.Guest) error {
	if s.create != nil {
		return s.create(ctx, g)
	}
	return s.Guests.Create(ctx, g)
}

func (s guests) Prune(ctx context.Context, before time.Time) error {
	if s.prune != nil {
		return s.prune(ctx, before)
	}
	return s.Guests.Prune(ctx, before)
}

func TestGuestsSuiteCatches(t *testing.T) {
	t.Parallel()
	create := func(f func(good user.Guests, ctx context.Context, g user.Guest) error) func(user.Guests) user.Guests {
		return func(good user.Guests) user.Guests {
			return guests{Guests: good, create: func(ctx context.Context, g user.Guest) error { return f(good, ctx, g) }}
		}
	}
	mustCatch(t, func(t *testing.T) user.Guests { return store(t).Guests }, usertest.TestGuests, []broken[user.Guests]{
		{"drops the locale", create(func(good user.Guests, ctx context.Context, g user.Guest) error {
			g.Locale = ""
			return good.Create(ctx, g)
		}), "a guest is stored whole"},
		{"takes one address for one guest", func(good user.Guests) user.Guests {
			seen := map[string]bool{}
			return guests{Guests: good, create: func(ctx context.Context, g user.Guest) error {
				if seen[g.Email] {
					return user.ErrEmailTaken
				}
				seen[g.Email] = true
				return good.Create(ctx, g)
			}}
		}, "guests with the same name and address are two"},
		{"never prunes guests", func(good user.Guests) user.Guests {
			return guests{Guests: good, prune: func(ctx context.Context, _ time.Time) error { return ctx.Err() }}
		}, "prune forgets those made before"},
		{"does not look at the context of a guest", create(func(good user.Guests, ctx context.Context, g user.Guest) error {
			return good.Create(context.WithoutCancel(ctx), g)
		}), "an ended context changes nothing"},
	})
}
