-- +goose Up

-- What customers pay who cancel; older events let them cancel for free.
ALTER TABLE events ADD COLUMN free_hours INTEGER NOT NULL DEFAULT 0 CHECK (free_hours >= 0);
ALTER TABLE events ADD COLUMN fee_basis_points INTEGER NOT NULL DEFAULT 0 CHECK (fee_basis_points BETWEEN 0 AND 10000);

-- When the organizer cancelled the event, the words about it, and the message
-- in the outbox that tells of it.
ALTER TABLE events ADD COLUMN cancelled_at INTEGER;
ALTER TABLE events ADD COLUMN cancellation_note TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN message_id TEXT NOT NULL DEFAULT '';

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
