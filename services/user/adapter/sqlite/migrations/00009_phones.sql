-- +goose Up
ALTER TABLE users ADD COLUMN phone_verified_at INTEGER; -- NULL is never
ALTER TABLE account_mails ADD COLUMN tries INTEGER NOT NULL DEFAULT 0; -- of its code
