-- +goose Up
CREATE TABLE charges (
    booking_id   TEXT    PRIMARY KEY,
    outcome      TEXT    NOT NULL CHECK (outcome IN ('captured', 'declined', 'never')),
    reference    TEXT    NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency     TEXT    NOT NULL
) STRICT;

CREATE TABLE refunds (
    id           TEXT    PRIMARY KEY,
    booking_id   TEXT    NOT NULL REFERENCES charges (booking_id),
    amount_minor INTEGER NOT NULL,
    currency     TEXT    NOT NULL
) STRICT;
CREATE INDEX refunds_of_booking ON refunds (booking_id);

-- Every movement of money, in order. Nothing here is ever changed.
CREATE TABLE ledger (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    booking_id   TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('charge', 'refund')),
    amount_minor INTEGER NOT NULL,
    currency     TEXT    NOT NULL,
    reference    TEXT    NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_of_booking ON ledger (booking_id, number);
