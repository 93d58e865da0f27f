-- +goose Up

-- Events that were deleted, and whose reservations and closures may still be
-- there: they are removed in pieces, because every other write waits for each.
CREATE TABLE deleted_events (
    event_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The same tables without a reference to events, so that one DELETE of an event
-- does not remove all of them. What refers to a reservation is copied with it,
-- because dropping a table removes what refers to its rows.
CREATE TABLE new_reservations (
    booking_id   TEXT    NOT NULL,
    attempt      INTEGER NOT NULL CHECK (attempt > 0),
    event_id     TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('HELD', 'SOLD', 'RELEASED')),
    event        TEXT    NOT NULL,
    PRIMARY KEY (booking_id, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO new_reservations (booking_id, attempt, event_id, state, event)
    SELECT booking_id, attempt, event_id, state, event FROM reservations;

CREATE TABLE new_reservation_items (
    booking_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    ticket_type_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    price          INTEGER NOT NULL,
    currency       TEXT    NOT NULL,
    PRIMARY KEY (booking_id, attempt, position),
    FOREIGN KEY (booking_id, attempt) REFERENCES new_reservations (booking_id, attempt) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO new_reservation_items (booking_id, attempt, position, ticket_type_id, name, quantity, price, currency)
    SELECT booking_id, attempt, position, ticket_type_id, name, quantity, price, currency FROM reservation_items;

CREATE TABLE new_returned_items (
    booking_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    return_id      TEXT    NOT NULL,
    ticket_type_id TEXT    NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (booking_id, attempt, return_id, ticket_type_id),
    FOREIGN KEY (booking_id, attempt) REFERENCES new_reservations (booking_id, attempt) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO new_returned_items (booking_id, attempt, return_id, ticket_type_id, quantity)
    SELECT booking_id, attempt, return_id, ticket_type_id, quantity FROM returned_items;

CREATE TABLE new_closures (
    event_id     TEXT    NOT NULL,
    booking_id   TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    PRIMARY KEY (event_id, booking_id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_closures (event_id, booking_id, attempt) SELECT event_id, booking_id, attempt FROM closures;

DROP TABLE returned_items;
DROP TABLE reservation_items;
DROP TABLE reservations;
DROP TABLE closures;
-- A table's new name is the one that the others refer to from here on.
ALTER TABLE new_reservations RENAME TO reservations;
ALTER TABLE new_reservation_items RENAME TO reservation_items;
ALTER TABLE new_returned_items RENAME TO returned_items;
ALTER TABLE new_closures RENAME TO closures;
CREATE INDEX reservations_by_event ON reservations (event_id);
