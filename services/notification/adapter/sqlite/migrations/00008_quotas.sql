-- +goose Up

-- When records with a quota were sent. A key has no personal data.
CREATE TABLE quota_uses (
    key        TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    message_id TEXT    NOT NULL
) STRICT;
CREATE INDEX quota_uses_key ON quota_uses (key, at);
CREATE INDEX quota_uses_at ON quota_uses (at);
