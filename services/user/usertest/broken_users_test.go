package usertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// users is a user.Users of which some methods are replaced.
type users struct {
	user.Users
	create func(ctx context.Context, u user.User) error
	update func(ctx context.Context, id string, change func(*user.User) error) (user.User, error)
}

func (s users) Create(ctx context.Context, u user.User) error {
	if s.create != nil {
		return s.create(ctx, u)
	}
	return s.Users.Create(ctx, u)
}

func (s users) Update(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
	if s.update != nil {
		return s.update(ctx, id, change)
	}
	return s.Users.Update(ctx, id, change)
}

func TestUsersSuiteCatches(t *testing.T) {
	t.Parallel()
	create := func(f func(good user.Users, ctx context.Context, u user.User) error) func(user.Users) user.Users {
		return func(good user.Users) user.Users {
			return users{Users: good, create: func(ctx context.Context, u user.User) error { return f(good, ctx, u) }}
		}
	}
	mustCatch(t, func(t *testing.T) user.Users { return store(t).Users }, usertest.TestUsers, []broken[user.Users]{
		{"forgets the lock", func(good user.Users) user.Users {
			return users{Users: good, update: func(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
				u, err := good.Get(ctx, id)
				if err != nil {
					return u, err
				}
				if err := change(&u); err != nil {
					return u, err
				}
				return good.Update(ctx, id, func(stored *user.User) error { *stored = u; return nil })
			}}
		}, "of many updates none is lost"},
		{"stores despite an error", func(good user.Users) user.Users {
			return users{Users: good, update: func(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
				var failed error
				u, err := good.Update(ctx, id, func(u *user.User) error { failed = change(u); return nil })
				return u, errors.Join(err, failed)
			}}
		}, "an error from change stores nothing"},
		{"says stored when the address is taken", create(func(good user.Users, ctx context.Context, u user.User) error {
			if err := good.Create(ctx, u); !errors.Is(err, user.ErrEmailTaken) {
				return err
			}
			return nil
		}), "of many with one address exactly one is stored"},
		{"folds ASCII alone", create(func(good user.Users, ctx context.Context, u user.User) error {
			err := good.Create(ctx, u)
			if errors.Is(err, user.ErrEmailTaken) && strings.ContainsFunc(u.Email, func(r rune) bool { return r > 127 }) {
				return nil
			}
			return err
		}), "case has no say in any script"},
		{"folds what is no capital letter", create(func(good user.Users, ctx context.Context, u user.User) error {
			u.Email = strings.ToLower(u.Email) // i for İ
			return good.Create(ctx, u)
		}), "similar email addresses are not the same"},
		{"drops a field", create(func(good user.Users, ctx context.Context, u user.User) error {
			u.Phone = ""
			return good.Create(ctx, u)
		}), "a user is stored whole"},
		{"cuts times to milliseconds", create(func(good user.Users, ctx context.Context, u user.User) error {
			u.CreatedAt = u.CreatedAt.Truncate(time.Millisecond)
			return good.Create(ctx, u)
		}), "times keep their microseconds and come back in UTC"},
		{"does not look at the context", create(func(good user.Users, ctx context.Context, u user.User) error {
			return good.Create(context.WithoutCancel(ctx), u)
		}), "an ended context changes nothing"},
	})
}
