-- +goose Up
-- user.EmailKeyVersion of the rules that made email_key. The default is for the
-- accounts that are there, and for those that a process of the version before
-- makes during an update.
ALTER TABLE users ADD COLUMN email_key_version integer NOT NULL DEFAULT 0;
CREATE INDEX users_by_email_key_version ON users (email_key_version, id);
