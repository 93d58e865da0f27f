-- +goose Up
-- What the payment provider has told of its own accord, each once.
CREATE TABLE payment_events (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order they were kept in
    id         text COLLATE "C" NOT NULL UNIQUE,                -- the provider's
    type       text        NOT NULL,
    booking_id text COLLATE "C" NOT NULL,                       -- '' where it is about none of ours
    kept_at    timestamptz NOT NULL,
    handled_at timestamptz
);
CREATE INDEX payment_events_unhandled ON payment_events (number) WHERE handled_at IS NULL;
CREATE INDEX payment_events_handled ON payment_events (handled_at) WHERE handled_at IS NOT NULL;
