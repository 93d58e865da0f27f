-- +goose Up

-- What messages led to. The id of every message taken in is in the inbox; those
-- that concern a booking are here as well, for what they say about later ones.
CREATE TABLE records (
    message_id TEXT    PRIMARY KEY,
    booking_id TEXT    NOT NULL,     -- empty for a test mail
    kind       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    -- The booking and kind where this record has deliveries, which a booking
    -- has once; the message's id where it has none.
    once       TEXT    NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX records_booking ON records (booking_id, version);

CREATE TABLE deliveries (
    id         TEXT    PRIMARY KEY,
    message_id TEXT    NOT NULL REFERENCES records (message_id),
    booking_id TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    channel    TEXT    NOT NULL CHECK (channel IN ('email', 'sms')),
    recipient  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    html       TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('RESOLVING', 'PENDING', 'SENT', 'FAILED', 'DROPPED')),
    attempts   INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at    INTEGER,
    due        INTEGER NOT NULL,     -- while it is leased, when the lease ends
    lease      TEXT    NOT NULL      -- empty when nobody has it
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due) WHERE status IN ('RESOLVING', 'PENDING');
CREATE INDEX deliveries_newest ON deliveries (created_at DESC, id DESC);
CREATE INDEX deliveries_user ON deliveries (user_id, created_at DESC, id DESC);
CREATE INDEX deliveries_booking ON deliveries (booking_id);

-- The inbox of a consumer. Copied into the service's own 00001_init.sql.
CREATE TABLE inbox (
    message_id  TEXT    PRIMARY KEY, -- of a message whose effect is stored
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE dead_letters (
    id          TEXT    PRIMARY KEY, -- the message's id
    topic       TEXT    NOT NULL,
    attributes  TEXT    NOT NULL,    -- the CloudEvent without its data, JSON
    data        BLOB    NOT NULL,    -- its data, byte for byte
    reason      TEXT    NOT NULL,
    failed_at   INTEGER NOT NULL,
    replayed_at INTEGER,
    replayed_by TEXT    NOT NULL DEFAULT ''
) STRICT;
