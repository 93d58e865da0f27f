-- +goose Up
ALTER TABLE users ADD COLUMN locale text NOT NULL DEFAULT ''; -- BCP 47; '' is none
-- A user's sessions, and of each the token that says until when it is good.
CREATE INDEX sessions_by_user ON sessions (user_id, id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_tokens_unused ON refresh_tokens (session_id) WHERE used_at IS NULL;
