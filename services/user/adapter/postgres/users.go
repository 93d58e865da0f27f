package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Users is a user.Users.
type Users struct{ db *postgresdb.DB }

var _ user.Users = (*Users)(nil)

const selectUser = `
	SELECT id, email, name, phone, phone_verified_at, locale, role, password_hash, password_version, email_verified_at, created_at, updated_at
	FROM users `

// Create implements user.Users.
func (s *Users) Create(ctx context.Context, u user.User) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO users (id, email, email_key, email_key_version, name, phone, phone_verified_at, locale, role, password_hash, password_version, email_verified_at, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			u.ID, u.Email, user.EmailKey(u.Email), user.EmailKeyVersion, u.Name, u.Phone, nullTime(u.PhoneVerifiedAt), u.Locale, u.Role, u.PasswordHash, u.PasswordVersion, nullTime(u.EmailVerifiedAt), u.CreatedAt, u.UpdatedAt)
		if postgresdb.IsUniqueViolation(err, "users_email_key") {
			return user.ErrEmailTaken
		}
		return err
	})
}

// Get implements user.Users.
func (s *Users) Get(ctx context.Context, id string) (user.User, error) {
	return s.one(ctx, selectUser+`WHERE id = $1`, id)
}

// ByEmail implements user.Users.
func (s *Users) ByEmail(ctx context.Context, email string) (user.User, error) {
	return s.one(ctx, selectUser+`WHERE email_key = $1`, user.EmailKey(email))
}

func (s *Users) one(ctx context.Context, sql, arg string) (u user.User, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		u, err = scanUser(conn.QueryRow(ctx, sql, arg))
		return err
	})
	return u, err
}

// Update implements user.Users.
func (s *Users) Update(ctx context.Context, id string, change func(*user.User) error) (u user.User, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		stored, err := scanUser(tx.QueryRow(ctx, selectUser+`WHERE id = $1 FOR UPDATE`, id))
		if err != nil {
			return err
		}
		u = stored
		if err := change(&u); err != nil {
			return err
		}
		return store(ctx, tx, stored, &u)
	})
	if err != nil {
		return user.User{}, err
	}
	return u, nil
}

// store stores u, of what may be changed in stored.
func store(ctx context.Context, tx pgx.Tx, stored user.User, u *user.User) error {
	u.ID, u.Email, u.CreatedAt = stored.ID, stored.Email, stored.CreatedAt
	u.UpdatedAt = u.UpdatedAt.UTC().Truncate(time.Microsecond)
	if u.EmailVerified() {
		u.EmailVerifiedAt = u.EmailVerifiedAt.UTC().Truncate(time.Microsecond)
	}
	if u.PhoneVerified() {
		u.PhoneVerifiedAt = u.PhoneVerifiedAt.UTC().Truncate(time.Microsecond)
	}
	_, err := tx.Exec(ctx, `
		UPDATE users
		SET name = $2, phone = $3, locale = $4, role = $5, password_hash = $6, password_version = $7, email_verified_at = $8, updated_at = $9, phone_verified_at = $10
		WHERE id = $1`,
		u.ID, u.Name, u.Phone, u.Locale, u.Role, u.PasswordHash, u.PasswordVersion, nullTime(u.EmailVerifiedAt), u.UpdatedAt, nullTime(u.PhoneVerifiedAt))
	return err
}

// nullTime is t, or NULL where it is zero.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func scanUser(row pgx.Row) (u user.User, err error) {
	var verified, phoneVerified *time.Time
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.Phone, &phoneVerified, &u.Locale, &u.Role, &u.PasswordHash, &u.PasswordVersion, &verified, &u.CreatedAt, &u.UpdatedAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows), postgresdb.IsNoText(err):
		return user.User{}, user.ErrNotFound
	case err != nil:
		return user.User{}, err
	}
	if verified != nil {
		u.EmailVerifiedAt = *verified
	}
	if phoneVerified != nil {
		u.PhoneVerifiedAt = *phoneVerified
	}
	return u, nil
}
