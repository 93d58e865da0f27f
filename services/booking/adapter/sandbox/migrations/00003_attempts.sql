-- +goose Up
-- Attempts that wait for their customer or were declined, in the order they came.
-- The one that captured is in charges.
CREATE TABLE attempts (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    booking_id   TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'declined')),
    reference    TEXT    NOT NULL,
    nonce        TEXT    UNIQUE, -- of the page where the customer acts
    amount_minor INTEGER NOT NULL,
    currency     TEXT    NOT NULL,
    UNIQUE (booking_id, attempt)
) STRICT;

INSERT INTO attempts (booking_id, attempt, state, reference, nonce, amount_minor, currency)
SELECT booking_id, 1, 'waiting', reference, lower(hex(randomblob(16))), amount_minor, currency FROM waiting;
DROP TABLE waiting;

-- By which attempt it was decided.
ALTER TABLE charges ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
