-- +goose Up
-- What makes a session's refresh tokens out of those before them.
ALTER TABLE sessions ADD COLUMN secret BLOB NOT NULL DEFAULT x'';
UPDATE sessions SET secret = randomblob(32);
