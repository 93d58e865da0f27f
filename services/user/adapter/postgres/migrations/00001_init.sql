-- +goose Up
CREATE TABLE users (
    id               text COLLATE "C" PRIMARY KEY,
    email            text        NOT NULL,
    email_key        text COLLATE "C" NOT NULL CONSTRAINT users_email_key UNIQUE, -- user.EmailKey of email
    name             text        NOT NULL,
    phone            text        NOT NULL, -- '' is none
    role             text        NOT NULL,
    password_hash    text        NOT NULL,
    password_version bigint      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);

CREATE TABLE sessions (
    id               text COLLATE "C" PRIMARY KEY,
    user_id          text COLLATE "C" NOT NULL,
    password_version bigint      NOT NULL,
    started_at       timestamptz NOT NULL,
    revoked_at       timestamptz
);

CREATE TABLE refresh_tokens (
    hash       bytea       PRIMARY KEY, -- SHA-256
    session_id text COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE signing_keys (
    id         text COLLATE "C" PRIMARY KEY,
    private    bytea       NOT NULL, -- Ed25519 seed and public key
    signs_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
