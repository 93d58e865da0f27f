-- +goose Up
ALTER TABLE users ADD COLUMN phone_verified_at timestamptz; -- NULL is never
ALTER TABLE account_mails ADD COLUMN tries integer NOT NULL DEFAULT 0; -- of its code
