package usertest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// accountMails is a user.AccountMails of which some methods are replaced.
type accountMails struct {
	user.AccountMails
	get     func(ctx context.Context, id string) (user.AccountMail, user.User, error)
	try     func(ctx context.Context, userID string, p user.Purpose) (user.AccountMail, error)
	request func(ctx context.Context, r user.MailRequest) error
	workOff func(ctx context.Context, within user.Span, limit int, decide decision) (int, error)
	use     func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error)
	prune   func(ctx context.Context, before time.Time) error
	send    func(ctx context.Context, userID string, p user.Purpose, email string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error
}

type changeOfUse = func(user.AccountMail, *user.User, int) (*user.AccountMail, events.Message, error)

type decision = func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error)

func (s accountMails) Get(ctx context.Context, id string) (user.AccountMail, user.User, error) {
	if s.get != nil {
		return s.get(ctx, id)
	}
	return s.AccountMails.Get(ctx, id)
}

func (s accountMails) Try(ctx context.Context, userID string, p user.Purpose) (user.AccountMail, error) {
	if s.try != nil {
		return s.try(ctx, userID, p)
	}
	return s.AccountMails.Try(ctx, userID, p)
}

func (s accountMails) Request(ctx context.Context, r user.MailRequest) error {
	if s.request != nil {
		return s.request(ctx, r)
	}
	return s.AccountMails.Request(ctx, r)
}

func (s accountMails) WorkOff(ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
	if s.workOff != nil {
		return s.workOff(ctx, within, limit, decide)
	}
	return s.AccountMails.WorkOff(ctx, within, limit, decide)
}

func (s accountMails) Use(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
	if s.use != nil {
		return s.use(ctx, id, now, within, change)
	}
	return s.AccountMails.Use(ctx, id, now, within, change)
}

func (s accountMails) Prune(ctx context.Context, before time.Time) error {
	if s.prune != nil {
		return s.prune(ctx, before)
	}
	return s.AccountMails.Prune(ctx, before)
}

func (s accountMails) Send(ctx context.Context, userID string, p user.Purpose, email string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
	if s.send != nil {
		return s.send(ctx, userID, p, email, within, make)
	}
	return s.AccountMails.Send(ctx, userID, p, email, within, make)
}

func TestAccountMailsSuiteCatches(t *testing.T) {
	t.Parallel()
	type under = usertest.AccountMailsUnderTest
	with := func(replace func(good user.AccountMails, s *accountMails)) func(under) under {
		return func(good under) under {
			s := accountMails{AccountMails: good.AccountMails}
			replace(good.AccountMails, &s)
			return under{AccountMails: s, Users: good.Users, Outbox: good.Outbox}
		}
	}
	deciding := func(f func(good user.AccountMails, ctx context.Context, within user.Span, limit int, decide decision) (int, error)) func(under) under {
		return with(func(good user.AccountMails, s *accountMails) {
			s.workOff = func(ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
				return f(good, ctx, within, limit, decide)
			}
		})
	}
	open := func(t *testing.T) under {
		s := store(t)
		return under{AccountMails: s.AccountMails, Users: s.Users, Outbox: s.Outbox()}
	}
	mustCatch(t, open, usertest.TestAccountMails, []broken[under]{
		{"drops the secret", deciding(func(good user.AccountMails, ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
			return good.WorkOff(ctx, within, limit, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
				m, message, err := decide(r, u, recent)
				if m != nil {
					without := *m
					without.Secret = []byte{}
					m = &without
				}
				return m, message, err
			})
		}), "a mail is stored whole with its message"},
		{"refuses a second request", with(func(good user.AccountMails, s *accountMails) {
			seen := map[string]bool{}
			s.request = func(ctx context.Context, r user.MailRequest) error {
				key := string(r.Purpose) + user.EmailKey(r.Email)
				if seen[key] {
					return nil // for ever
				}
				seen[key] = true
				return good.Request(ctx, r)
			}
		}), "of those with one purpose and address the first is kept"},
		{"counts all mails as recent", deciding(func(good user.AccountMails, ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
			return good.WorkOff(ctx, user.Span{Before: within.Before}, limit, decide)
		}), "decide is told of recent mails"},
		{"counts mails of the future as recent", deciding(func(good user.AccountMails, ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
			return good.WorkOff(ctx, user.Span{After: within.After, Before: within.Before.Add(24 * time.Hour)}, limit, decide)
		}), "decide is told of recent mails"},
		{"takes all at once", deciding(func(good user.AccountMails, ctx context.Context, within user.Span, _ int, decide decision) (int, error) {
			return good.WorkOff(ctx, within, 1000, decide)
		}), "those that have waited longest come first"},
		{"ends requests despite an error", deciding(func(good user.AccountMails, ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
			var failed error
			n, err := good.WorkOff(ctx, within, limit, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
				m, message, err := decide(r, u, recent)
				failed = errors.Join(failed, err)
				return m, message, nil
			})
			return n, errors.Join(err, failed)
		}), "an error from decide stores nothing"},
		{"marks a mail despite an error", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				var failed error
				u, err := good.Use(ctx, id, now, within, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					next, message, err := change(m, u, told)
					failed = err
					return next, message, nil
				})
				return u, errors.Join(err, failed)
			}
		}), "an error from change stores nothing"},
		{"does not mark a mail", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, time.Time{}, within, change)
			}
		}), "use stores what change makes and marks the mail"},
		{"lets one mail be used by many", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, within, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					m.UsedAt = time.Time{}
					return change(m, u, told)
				})
			}
		}), "of many uses each sees what the others have stored"},
		{"keeps the old address", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, within, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					email := u.Email
					next, message, err := change(m, u, told)
					u.Email = email
					return next, message, err
				})
			}
		}), "use gives another address"},
		{"says changed when the address is taken", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				u, err := good.Use(ctx, id, now, within, change)
				if errors.Is(err, user.ErrEmailTaken) {
					return u, nil
				}
				return u, err
			}
		}), "an address that is taken stores nothing"},
		{"forgets the mail that a use leads to", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, within, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					_, _, err := change(m, u, told)
					return nil, events.Message{}, err
				})
			}
		}), "use stores the mail that change returns"},
		{"sends despite an error", with(func(good user.AccountMails, s *accountMails) {
			s.send = func(ctx context.Context, userID string, p user.Purpose, email string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				var failed error
				err := good.Send(ctx, userID, p, email, within, func(u user.User, recent int) (*user.AccountMail, events.Message, error) {
					m, message, err := make(u, recent)
					failed = err
					return m, message, nil
				})
				return errors.Join(err, failed)
			}
		}), "an error from make stores nothing"},
		{"counts nothing when it sends", with(func(good user.AccountMails, s *accountMails) {
			s.send = func(ctx context.Context, userID string, p user.Purpose, email string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				return good.Send(ctx, userID, p, email, user.Span{After: within.After.Add(24 * time.Hour), Before: within.Before}, make)
			}
		}), "send stores the mail with its message"},
		{"counts by account alone", with(func(good user.AccountMails, s *accountMails) {
			s.send = func(ctx context.Context, userID string, p user.Purpose, _ string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				return good.Send(ctx, userID, p, "nobody@example.com", within, make)
			}
		}), "mails to one mailbox count, whoever asks"},
		{"tells a use of nothing", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, within, func(m user.AccountMail, u *user.User, _ int) (*user.AccountMail, events.Message, error) {
					return change(m, u, 0)
				})
			}
		}), "use is told of the mails to the mailbox that is replaced"},
		{"counts before the use", with(func(good user.AccountMails, s *accountMails) {
			var meeting suitetest.Meeting
			s.use = func(ctx context.Context, id string, now time.Time, within user.Span, change changeOfUse) (user.User, error) {
				counted, looked := 0, errors.New("looked")
				if u, err := good.Use(ctx, id, now, within, func(_ user.AccountMail, _ *user.User, told int) (*user.AccountMail, events.Message, error) {
					counted = told
					return nil, events.Message{}, looked
				}); !errors.Is(err, looked) {
					return u, err
				}
				meeting.Wait()
				return good.Use(ctx, id, now, within, func(m user.AccountMail, u *user.User, _ int) (*user.AccountMail, events.Message, error) {
					return change(m, u, counted)
				})
			}
		}), "of many uses each is told of the mails to its mailbox"},
		{"counts before it takes its turn", with(func(good user.AccountMails, s *accountMails) {
			var meeting suitetest.Meeting
			s.send = func(ctx context.Context, userID string, p user.Purpose, email string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				counted, looked := 0, errors.New("looked")
				if err := good.Send(ctx, userID, p, email, within, func(_ user.User, recent int) (*user.AccountMail, events.Message, error) {
					counted = recent
					return nil, events.Message{}, looked
				}); !errors.Is(err, looked) {
					return err
				}
				meeting.Wait()
				return good.Send(ctx, userID, p, email, within, func(u user.User, _ int) (*user.AccountMail, events.Message, error) {
					return make(u, counted)
				})
			}
		}), "of many who send to one mailbox each is told of the others"},
		{"counts once for all that it decides on", deciding(func(good user.AccountMails, ctx context.Context, within user.Span, limit int, decide decision) (int, error) {
			counted := -1
			return good.WorkOff(ctx, within, limit, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
				if counted < 0 {
					counted = recent
				}
				return decide(r, u, counted)
			})
		}), "of many requests for one mailbox each is told of the others"},
		{"counts tries by account", with(func(good user.AccountMails, s *accountMails) {
			var mu sync.Mutex
			tries := 0
			s.try = func(ctx context.Context, userID string, p user.Purpose) (user.AccountMail, error) {
				m, err := good.Try(ctx, userID, p)
				mu.Lock()
				defer mu.Unlock()
				tries++
				m.Tries = tries
				return m, err
			}
		}), "a try counts at the newest mail"},
		{"takes the mail of the latest time for the newest", with(func(good user.AccountMails, s *accountMails) {
			latest := sentLast(good, s)
			s.get = func(ctx context.Context, id string) (user.AccountMail, user.User, error) {
				m, u, err := good.Get(ctx, id)
				if newest, known := latest(m); known {
					m.Outdated = m.ID != newest
				}
				return m, u, err
			}
		}), "a mail is outdated by one that is stored later"},
		{"tries the code of the latest time", with(func(good user.AccountMails, s *accountMails) {
			latest := sentLast(good, s)
			s.try = func(ctx context.Context, userID string, p user.Purpose) (user.AccountMail, error) {
				m, err := good.Try(ctx, userID, p)
				if newest, known := latest(m); err == nil && known {
					m, _, err = good.Get(ctx, newest)
				}
				return m, err
			}
		}), "a try counts at the newest mail"},
		{"outdates no mail", with(func(good user.AccountMails, s *accountMails) {
			s.get = func(ctx context.Context, id string) (user.AccountMail, user.User, error) {
				m, u, err := good.Get(ctx, id)
				m.Outdated = false
				return m, u, err
			}
		}), "of many stored at once one is not outdated"},
		{"reads how often a code was tried before it counts", with(func(good user.AccountMails, s *accountMails) {
			var meeting suitetest.Meeting
			s.try = func(ctx context.Context, userID string, p user.Purpose) (user.AccountMail, error) {
				m, err := good.Try(ctx, userID, p)
				if err != nil {
					return m, err
				}
				before, _, err := good.Get(ctx, m.ID)
				meeting.Wait()
				return before, err
			}
		}), "of many tries each has another count"},
		{"never prunes mails", with(func(_ user.AccountMails, s *accountMails) {
			s.prune = func(ctx context.Context, _ time.Time) error { return ctx.Err() }
		}), "prune forgets what has expired"},
		{"does not look at the context when requesting", with(func(good user.AccountMails, s *accountMails) {
			s.request = func(ctx context.Context, r user.MailRequest) error {
				return good.Request(context.WithoutCancel(ctx), r)
			}
		}), "an ended context changes nothing"},
	})
}

// sentLast lets s note what it sends, and returns which of the mails with m's purpose and
// user has the latest time.
func sentLast(good user.AccountMails, s *accountMails) func(m user.AccountMail) (id string, known bool) {
	var mu sync.Mutex
	latest := map[string]user.AccountMail{}
	key := func(m user.AccountMail) string { return m.UserID + string(m.Purpose) }
	s.send = func(ctx context.Context, userID string, p user.Purpose, email string, within user.Span, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
		return good.Send(ctx, userID, p, email, within, func(u user.User, recent int) (*user.AccountMail, events.Message, error) {
			m, message, err := make(u, recent)
			mu.Lock()
			defer mu.Unlock()
			if m != nil && !m.CreatedAt.Before(latest[key(*m)].CreatedAt) {
				latest[key(*m)] = *m
			}
			return m, message, err
		})
	}
	return func(m user.AccountMail) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		newest, known := latest[key(m)]
		return newest.ID, known
	}
}
