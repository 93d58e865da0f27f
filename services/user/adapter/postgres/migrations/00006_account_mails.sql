-- +goose Up
ALTER TABLE users ADD COLUMN email_verified_at timestamptz; -- NULL is never

-- Who wants a mail. Whether the address has an account is looked up later.
CREATE TABLE account_mail_requests (
    purpose      text COLLATE "C" NOT NULL,
    email_key    text COLLATE "C" NOT NULL, -- user.EmailKey of email
    email        text        NOT NULL,
    trace_parent text        NOT NULL,
    requested_at timestamptz NOT NULL,
    PRIMARY KEY (purpose, email_key)
);
CREATE INDEX account_mail_requests_by_age ON account_mail_requests (requested_at);

CREATE TABLE account_mails (
    id               text COLLATE "C" PRIMARY KEY,
    purpose          text COLLATE "C" NOT NULL,
    user_id          text COLLATE "C" NOT NULL,
    email            text        NOT NULL,
    email_key        text COLLATE "C" NOT NULL,
    password_version bigint      NOT NULL,
    secret           bytea       NOT NULL, -- of the token
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz
);
CREATE INDEX account_mails_by_user ON account_mails (user_id, purpose, created_at);
CREATE INDEX account_mails_by_mailbox ON account_mails (email_key, purpose, created_at);
CREATE INDEX account_mails_expiry ON account_mails (expires_at);

-- The outbox of a service. Copied into the service's own 00001_init.sql.
CREATE TABLE outbox (
    id           text COLLATE "C" PRIMARY KEY, -- the CloudEvent's id
    topic        text        NOT NULL,
    attributes   json        NOT NULL,         -- the CloudEvent without its data
    data         bytea       NOT NULL,         -- its data, byte for byte
    time         timestamptz NOT NULL,         -- its time
    attempts     integer     NOT NULL DEFAULT 0,
    published_at timestamptz,
    due          timestamptz NOT NULL,
    closed_at    timestamptz
);
-- Not (due, id): that would tempt the planner to look ids up here, in all that is open.
CREATE INDEX outbox_open ON outbox (due) INCLUDE (id, time) WHERE closed_at IS NULL;
CREATE INDEX outbox_closed ON outbox (closed_at) WHERE closed_at IS NOT NULL;
