-- +goose Up
-- What the payment provider has told of its own accord, each once.
CREATE TABLE payment_events (
    number     INTEGER PRIMARY KEY AUTOINCREMENT, -- the order they were kept in
    id         TEXT    NOT NULL UNIQUE,           -- the provider's
    type       TEXT    NOT NULL,
    booking_id TEXT    NOT NULL,                  -- '' where it is about none of ours
    kept_at    INTEGER NOT NULL,
    handled_at INTEGER
) STRICT;
CREATE INDEX payment_events_unhandled ON payment_events (number) WHERE handled_at IS NULL;
CREATE INDEX payment_events_handled ON payment_events (handled_at) WHERE handled_at IS NOT NULL;
