-- +goose Up
-- Charges whose customer has to act before they are decided.
CREATE TABLE waiting (
    booking_id   TEXT    PRIMARY KEY,
    reference    TEXT    NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency     TEXT    NOT NULL
) STRICT;

-- What Statements goes by.
CREATE INDEX ledger_charges ON ledger (number) WHERE kind = 'charge';
