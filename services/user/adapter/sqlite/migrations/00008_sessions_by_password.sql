-- +goose Up
-- A user's sessions of one password: a list walks none of before its last change.
DROP INDEX sessions_by_user;
CREATE INDEX sessions_by_password ON sessions (user_id, password_version, id) WHERE revoked_at IS NULL;
