-- +goose Up

-- The tickets of a reservation that came back before the rest of it, by the
-- cancellation that gave them back. reservation_items stays as it was asked for.
CREATE TABLE returned_items (
    booking_id     TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    return_id      TEXT    NOT NULL,
    ticket_type_id TEXT    NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (booking_id, attempt, return_id, ticket_type_id),
    FOREIGN KEY (booking_id, attempt) REFERENCES reservations (booking_id, attempt) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
