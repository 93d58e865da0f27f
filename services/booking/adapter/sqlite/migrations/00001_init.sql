-- +goose Up
CREATE TABLE bookings (
    id                TEXT    PRIMARY KEY,
    user_id           TEXT    NOT NULL,
    user_email        TEXT    NOT NULL,
    user_name         TEXT    NOT NULL,
    event_id          TEXT    NOT NULL,
    event             TEXT    NOT NULL, -- JSON, as it was booked
    items             TEXT    NOT NULL, -- JSON
    total_minor       INTEGER NOT NULL,
    currency          TEXT    NOT NULL,
    status            TEXT    NOT NULL CHECK (status IN ('PENDING', 'CONFIRMED', 'FAILED', 'CANCELLING', 'CANCELLED')),
    payment_provider  TEXT    NOT NULL,
    payment_reference TEXT    NOT NULL,
    payment_status    TEXT    NOT NULL,
    refund            TEXT,             -- JSON
    reason            TEXT    NOT NULL,
    attempt           INTEGER NOT NULL,
    acknowledged      INTEGER NOT NULL,
    timeline          TEXT    NOT NULL, -- JSON
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    lease_token       TEXT    NOT NULL, -- '' while nobody drives it
    lease_until       INTEGER,
    tries             INTEGER NOT NULL
) STRICT;
CREATE INDEX bookings_of_user ON bookings (user_id, id);
CREATE INDEX bookings_unsettled ON bookings (lease_until) WHERE status IN ('PENDING', 'CANCELLING');

CREATE TABLE idempotency_keys (
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    booking_id  TEXT    NOT NULL REFERENCES bookings (id),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_of_booking ON idempotency_keys (booking_id);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

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
