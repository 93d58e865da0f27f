-- +goose Up

-- title_key, category_key and city_key are the folded texts: what is compared,
-- sorted and searched without regard to case. search is last, because it is
-- long and seldom read.
CREATE TABLE events (
    id           TEXT    NOT NULL PRIMARY KEY,
    organizer_id TEXT    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('PUBLISHED', 'CANCELLED')),
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    inventory    INTEGER NOT NULL,
    time_zone    TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    category     TEXT    NOT NULL,
    venue_name   TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    city         TEXT    NOT NULL,
    country      TEXT    NOT NULL,
    title_key    TEXT    NOT NULL,
    category_key TEXT    NOT NULL,
    city_key     TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    search       TEXT    NOT NULL
) STRICT;

-- One index for each order, alone and within a category or a city: a page is
-- read from the index in its order, never sorted.
CREATE INDEX events_by_start ON events (starts_at, id);
CREATE INDEX events_by_title ON events (title_key, id);
CREATE INDEX events_by_category_start ON events (category_key, starts_at, id);
CREATE INDEX events_by_category_title ON events (category_key, title_key, id);
CREATE INDEX events_by_city_start ON events (city_key, starts_at, id);
CREATE INDEX events_by_city_title ON events (city_key, title_key, id);

-- available is capacity − sold − held. The checks are the last line of defence:
-- no statement, however wrong, can oversell.
CREATE TABLE ticket_types (
    event_id     TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    position     INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    price        INTEGER NOT NULL CHECK (price >= 0),
    currency     TEXT    NOT NULL,
    capacity     INTEGER NOT NULL,
    available    INTEGER NOT NULL CHECK (available >= 0 AND available <= capacity),
    PRIMARY KEY (event_id, id)
) STRICT, WITHOUT ROWID;

-- event is the snapshot (JSON) that a repeated request is answered with.
CREATE TABLE reservations (
    booking_id   TEXT    NOT NULL,
    attempt      INTEGER NOT NULL CHECK (attempt > 0),
    event_id     TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    state        TEXT    NOT NULL CHECK (state IN ('HELD', 'SOLD', 'RELEASED')),
    event        TEXT    NOT NULL,
    PRIMARY KEY (booking_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_by_event ON reservations (event_id);

-- No reference to ticket_types: a released reservation outlives its type.
CREATE TABLE reservation_items (
    booking_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    ticket_type_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    price          INTEGER NOT NULL,
    currency       TEXT    NOT NULL,
    PRIMARY KEY (booking_id, attempt, position),
    FOREIGN KEY (booking_id, attempt) REFERENCES reservations (booking_id, attempt) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The attempts up to this one are released and never reserve again.
CREATE TABLE closures (
    event_id     TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    booking_id   TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    PRIMARY KEY (event_id, booking_id)
) STRICT, WITHOUT ROWID;

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
