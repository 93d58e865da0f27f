package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Users is a user.Users.
type Users struct{ db *sqlitedb.DB }

var _ user.Users = (*Users)(nil)

const selectUser = `
	SELECT id, email, name, phone, phone_verified_at, locale, role, password_hash, password_version, email_verified_at, created_at, updated_at
	FROM users `

// Create implements user.Users.
func (s *Users) Create(ctx context.Context, u user.User) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO users (id, email, email_key, email_key_version, name, phone, phone_verified_at, locale, role, password_hash, password_version, email_verified_at, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			u.ID, u.Email, user.EmailKey(u.Email), user.EmailKeyVersion, u.Name, u.Phone, sqlitedb.NullTime(u.PhoneVerifiedAt), u.Locale, u.Role, u.PasswordHash, u.PasswordVersion,
			sqlitedb.NullTime(u.EmailVerifiedAt), sqlitedb.Time(u.CreatedAt), sqlitedb.Time(u.UpdatedAt))
		if sqlitedb.IsUniqueViolation(err) {
			return user.ErrEmailTaken
		}
		return err
	})
}

// Get implements user.Users.
func (s *Users) Get(ctx context.Context, id string) (user.User, error) {
	return scanUser(s.db.Read.QueryRowContext(ctx, selectUser+`WHERE id = ?`, id))
}

// ByEmail implements user.Users.
func (s *Users) ByEmail(ctx context.Context, email string) (user.User, error) {
	return scanUser(s.db.Read.QueryRowContext(ctx, selectUser+`WHERE email_key = ?`, user.EmailKey(email)))
}

// Update implements user.Users.
func (s *Users) Update(ctx context.Context, id string, change func(*user.User) error) (u user.User, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		stored, err := scanUser(tx.QueryRowContext(ctx, selectUser+`WHERE id = ?`, id))
		if err != nil {
			return err
		}
		u = stored
		if err := change(&u); err != nil {
			return err
		}
		return update(ctx, tx, stored, &u)
	})
	if err != nil {
		return user.User{}, err
	}
	return u, nil
}

// update stores u, of what may be changed in stored.
func update(ctx context.Context, tx *sql.Tx, stored user.User, u *user.User) error {
	u.ID, u.Email, u.CreatedAt = stored.ID, stored.Email, stored.CreatedAt
	u.UpdatedAt = sqlitedb.FromTime(sqlitedb.Time(u.UpdatedAt))
	if u.EmailVerified() {
		u.EmailVerifiedAt = sqlitedb.FromTime(sqlitedb.Time(u.EmailVerifiedAt))
	}
	if u.PhoneVerified() {
		u.PhoneVerifiedAt = sqlitedb.FromTime(sqlitedb.Time(u.PhoneVerifiedAt))
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE users
		SET name = ?, phone = ?, phone_verified_at = ?, locale = ?, role = ?, password_hash = ?, password_version = ?, email_verified_at = ?, updated_at = ?
		WHERE id = ?`,
		u.Name, u.Phone, sqlitedb.NullTime(u.PhoneVerifiedAt), u.Locale, u.Role, u.PasswordHash, u.PasswordVersion, sqlitedb.NullTime(u.EmailVerifiedAt), sqlitedb.Time(u.UpdatedAt), u.ID)
	return err
}

func scanUser(row *sql.Row) (u user.User, err error) {
	var created, updated int64
	var verified, phoneVerified sql.NullInt64
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.Phone, &phoneVerified, &u.Locale, &u.Role, &u.PasswordHash, &u.PasswordVersion, &verified, &created, &updated)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user.User{}, user.ErrNotFound
	case err != nil:
		return user.User{}, err
	}
	u.EmailVerifiedAt, u.PhoneVerifiedAt = sqlitedb.FromNullTime(verified), sqlitedb.FromNullTime(phoneVerified)
	u.CreatedAt, u.UpdatedAt = sqlitedb.FromTime(created), sqlitedb.FromTime(updated)
	return u, nil
}
