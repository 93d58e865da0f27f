-- +goose Up
ALTER TABLE users ADD COLUMN email_verified_at INTEGER; -- NULL is never

-- Who wants a mail. Whether the address has an account is looked up later.
CREATE TABLE account_mail_requests (
    purpose      TEXT    NOT NULL,
    email_key    TEXT    NOT NULL, -- user.EmailKey of email
    email        TEXT    NOT NULL,
    trace_parent TEXT    NOT NULL,
    requested_at INTEGER NOT NULL,
    PRIMARY KEY (purpose, email_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_mail_requests_by_age ON account_mail_requests (requested_at);

CREATE TABLE account_mails (
    id               TEXT    PRIMARY KEY,
    purpose          TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    email            TEXT    NOT NULL,
    email_key        TEXT    NOT NULL,
    password_version INTEGER NOT NULL,
    secret           BLOB    NOT NULL, -- of the token
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    used_at          INTEGER
) STRICT;
CREATE INDEX account_mails_by_user ON account_mails (user_id, purpose, created_at);
CREATE INDEX account_mails_by_mailbox ON account_mails (email_key, purpose, created_at);
CREATE INDEX account_mails_expiry ON account_mails (expires_at);

-- The outbox of a service. Copied into the service's own 00001_init.sql.
CREATE TABLE outbox (
    id           TEXT    PRIMARY KEY, -- the CloudEvent's id
    topic        TEXT    NOT NULL,
    attributes   TEXT    NOT NULL,    -- the CloudEvent without its data, JSON
    data         BLOB    NOT NULL,    -- its data, byte for byte
    time         INTEGER NOT NULL,    -- its time
    attempts     INTEGER NOT NULL DEFAULT 0,
    published_at INTEGER,
    due          INTEGER NOT NULL,
    closed_at    INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (due, id, time) WHERE closed_at IS NULL;
CREATE INDEX outbox_closed ON outbox (closed_at) WHERE closed_at IS NOT NULL;
