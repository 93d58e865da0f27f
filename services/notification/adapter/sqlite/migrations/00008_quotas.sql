-- +goose Up

-- When records with a quota were sent. A key has a user's id, or the unsalted
-- SHA-256 of an address: personal data, which is pruned a day after its last use.
CREATE TABLE quota_uses (
    key        TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    message_id TEXT    NOT NULL
) STRICT;
CREATE INDEX quota_uses_key ON quota_uses (key, at);
CREATE INDEX quota_uses_at ON quota_uses (at);
