package user

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// PublishedKeys returns the keys that verifiers must know now: the one that
// signs, the one that will, and those whose tokens have not expired.
func (s *Service) PublishedKeys(ctx context.Context) ([]SigningKey, error) {
	keys, err := s.Keys.All(ctx)
	if err != nil {
		return nil, err
	}
	return published(keys, s.now()), nil
}

// keysAge is how long keys are remembered to verify with. Those that services
// fetch grow as old: a new key signs only after KeyDelay.
const keysAge = 30 * time.Second

// recentKeys returns the published keys of at most keysAge ago.
func (s *Service) recentKeys(ctx context.Context) ([]SigningKey, error) {
	now := s.now()
	s.recent.Lock()
	keys, read := s.recent.keys, s.recent.read
	s.recent.Unlock()
	if age := now.Sub(read); keys == nil || age < 0 || age >= keysAge {
		var err error
		if keys, err = s.Keys.All(ctx); err != nil {
			return nil, err
		}
		s.recent.Lock()
		s.recent.keys, s.recent.read = keys, now
		s.recent.Unlock()
	}
	return published(keys, now), nil
}

// RotateKeys publishes a new key, which signs from KeyDelay on, and returns it.
// While one waits to sign, it returns that one. A key that would wait longer, because
// the clock was ahead when it was made, signs at once.
func (s *Service) RotateKeys(ctx context.Context) (SigningKey, error) {
	now := s.now()
	if err := s.Keys.BringForward(ctx, now.Add(2*KeyDelay), now); err != nil { // the clocks of several processes differ
		return SigningKey{}, err
	}
	key, err := newKey(now, now.Add(KeyDelay))
	if err != nil {
		return SigningKey{}, err
	}
	stored, err := s.Keys.Add(ctx, key, now)
	if err == nil && stored.ID == key.ID {
		s.Log.InfoContext(ctx, "signing key rotated", "key_id", key.ID, "signs_from", key.SignsFrom)
	}
	return stored, err
}

// firstKey makes a key unless there is one: of two processes that start at
// once on one database, both use the same.
func (s *Service) firstKey(ctx context.Context) error {
	now := s.now()
	key, err := newKey(now, now)
	if err != nil {
		return err
	}
	_, err = s.Keys.Add(ctx, key, time.Time{})
	return err
}

func newKey(now, signsFrom time.Time) (SigningKey, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return SigningKey{}, err
	}
	id, err := uuid.NewV7()
	return SigningKey{ID: id.String(), Private: private, SignsFrom: signsFrom, CreatedAt: now}, err
}

// Run forgets what is over, every hour, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return worker.Every(ctx, s.Log, time.Hour, "pruning sessions and keys", s.Prune)
}

// Prune forgets tokens, sessions, guests, account mails and signing keys that are over.
func (s *Service) Prune(ctx context.Context) error {
	now := s.now()
	keys, err := s.Keys.All(ctx)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	var errs []error
	for i, k := range keys {
		if retired(keys, i, now) {
			errs = append(errs, s.Keys.Delete(ctx, k.ID))
		}
	}
	return errors.Join(append(errs, s.Sessions.Prune(ctx, now), s.Guests.Prune(ctx, now.Add(-GuestsKept)), s.AccountMails.Prune(ctx, now.Add(-mailsKept)))...)
}
