-- +goose Up
-- How many refunds the payment provider has refused, and somebody has to see to.
ALTER TABLE bookings ADD COLUMN refunds_due integer NOT NULL DEFAULT 0;
CREATE INDEX bookings_with_refunds_due ON bookings (id) WHERE refunds_due > 0;
CREATE INDEX bookings_of_event ON bookings (event_id, status);

-- Events that were cancelled: no booking of theirs becomes CONFIRMED any more,
-- and until done_at those that are have yet to be cancelled.
CREATE TABLE cancelled_events (
    event_id    text        PRIMARY KEY,
    title       text        NOT NULL,
    by          text        NOT NULL,
    note        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    done_at     timestamptz
);
CREATE INDEX cancelled_events_open ON cancelled_events (event_id) WHERE done_at IS NULL;

-- Who did what to money and tickets, when and why. Nothing is ever taken away
-- from it, or changed.
CREATE TABLE audit_log (
    number     bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    by         text        NOT NULL,
    step       text        NOT NULL,
    detail     text        NOT NULL,
    booking_id text COLLATE "C" NOT NULL, -- '' for what concerns an event
    event_id   text        NOT NULL,
    version    bigint      NOT NULL       -- the booking's, from this on
);
CREATE INDEX audit_log_of_booking ON audit_log (booking_id, number);
CREATE INDEX audit_log_of_event ON audit_log (event_id, number);
INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
    SELECT b.updated_at, 'boxoffice', 'log_begins', b.status, b.id, b.event_id, b.version FROM bookings b ORDER BY b.id;
-- +goose StatementBegin
CREATE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_stays();

-- The inbox of a consumer. Copied into a migration of the service's own.
-- Ids are compared byte by byte, whatever the database's collation.
CREATE TABLE inbox (
    message_id  text COLLATE "C" PRIMARY KEY, -- of a message whose effect is stored
    received_at timestamptz NOT NULL
);
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE dead_letters (
    id          text COLLATE "C" PRIMARY KEY, -- the message's id
    topic       text        NOT NULL,
    attributes  json        NOT NULL,         -- the CloudEvent without its data
    data        bytea       NOT NULL,         -- its data, byte for byte
    reason      text        NOT NULL,
    failed_at   timestamptz NOT NULL,
    replayed_at timestamptz,
    replayed_by text        NOT NULL DEFAULT ''
);
