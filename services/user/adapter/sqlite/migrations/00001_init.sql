-- +goose Up
-- Times are microseconds since 1970 UTC.
CREATE TABLE users (
    id               TEXT    PRIMARY KEY,
    email            TEXT    NOT NULL,
    email_key        TEXT    NOT NULL UNIQUE, -- user.EmailKey of email
    name             TEXT    NOT NULL,
    phone            TEXT    NOT NULL,        -- '' is none
    role             TEXT    NOT NULL,
    password_hash    TEXT    NOT NULL,
    password_version INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id               TEXT    PRIMARY KEY,
    user_id          TEXT    NOT NULL,
    password_version INTEGER NOT NULL,
    started_at       INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;

CREATE TABLE refresh_tokens (
    hash       BLOB    PRIMARY KEY, -- SHA-256
    session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE signing_keys (
    id         TEXT    PRIMARY KEY,
    private    BLOB    NOT NULL, -- Ed25519 seed and public key; this file is 0600
    signs_from INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
