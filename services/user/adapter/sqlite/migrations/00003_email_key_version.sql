-- +goose Up
-- user.EmailKeyVersion of the rules that made email_key.
ALTER TABLE users ADD COLUMN email_key_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_by_email_key_version ON users (email_key_version, id);
