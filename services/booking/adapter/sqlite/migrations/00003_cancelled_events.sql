-- +goose Up
-- How many refunds the payment provider has refused, and somebody has to see to.
ALTER TABLE bookings ADD COLUMN refunds_due INTEGER NOT NULL DEFAULT 0;
CREATE INDEX bookings_with_refunds_due ON bookings (id) WHERE refunds_due > 0;
CREATE INDEX bookings_of_event ON bookings (event_id, status);

-- Events that were cancelled: no booking of theirs becomes CONFIRMED any more,
-- and until done_at those that are have yet to be cancelled.
CREATE TABLE cancelled_events (
    event_id    TEXT    PRIMARY KEY,
    title       TEXT    NOT NULL,
    by          TEXT    NOT NULL,
    note        TEXT    NOT NULL,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    done_at     INTEGER
) STRICT;
CREATE INDEX cancelled_events_open ON cancelled_events (event_id) WHERE done_at IS NULL;

-- Who did what to money and tickets, when and why. Nothing is ever taken away
-- from it, or changed.
CREATE TABLE audit_log (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    by         TEXT    NOT NULL,
    step       TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    booking_id TEXT    NOT NULL, -- '' for what concerns an event
    event_id   TEXT    NOT NULL,
    version    INTEGER NOT NULL  -- the booking's, from this on
) STRICT;
CREATE INDEX audit_log_of_booking ON audit_log (booking_id, number);
CREATE INDEX audit_log_of_event ON audit_log (event_id, number);
INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
    SELECT b.updated_at, 'boxoffice', 'log_begins', b.status, b.id, b.event_id, b.version FROM bookings b ORDER BY b.id;
-- +goose StatementBegin
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_is_not_deleted BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
-- +goose StatementEnd

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
