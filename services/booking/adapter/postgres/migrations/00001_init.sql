-- +goose Up
-- Ids are compared byte by byte, whatever the database's collation: they sort
-- by the time they were made.
CREATE TABLE bookings (
    id                text COLLATE "C" PRIMARY KEY,
    user_id           text COLLATE "C" NOT NULL,
    user_email        text        NOT NULL,
    user_name         text        NOT NULL,
    event_id          text        NOT NULL,
    event             json        NOT NULL, -- as it was booked
    items             json,
    total_minor       bigint      NOT NULL,
    currency          text        NOT NULL,
    status            text        NOT NULL CHECK (status IN ('PENDING', 'CONFIRMED', 'FAILED', 'CANCELLING', 'CANCELLED')),
    payment_provider  text        NOT NULL,
    payment_reference text        NOT NULL,
    payment_status    text        NOT NULL,
    refund            json,
    reason            text        NOT NULL,
    attempt           integer     NOT NULL,
    acknowledged      boolean     NOT NULL,
    timeline          json,
    version           bigint      NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    lease_token       text        NOT NULL, -- '' while nobody drives it
    lease_until       timestamptz,
    tries             integer     NOT NULL
);
CREATE INDEX bookings_of_user ON bookings (user_id, id);
CREATE INDEX bookings_unsettled ON bookings (lease_until, id) WHERE status IN ('PENDING', 'CANCELLING');

CREATE TABLE idempotency_keys (
    user_id     text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text        NOT NULL,
    -- Deferred: the key is written first, for it is what a request is refused by.
    booking_id  text COLLATE "C" NOT NULL REFERENCES bookings (id) DEFERRABLE INITIALLY DEFERRED,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_of_booking ON idempotency_keys (booking_id);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The outbox of a service. Copied into the service's own 00001_init.sql.
CREATE TABLE outbox (
    id           text COLLATE "C" PRIMARY KEY, -- the CloudEvent's id
    topic        text        NOT NULL,
    attributes   json        NOT NULL,         -- the CloudEvent without its data
    data         bytea       NOT NULL,         -- its data, byte for byte
    time         timestamptz NOT NULL,         -- its time
    attempts     integer     NOT NULL DEFAULT 0,
    published_at timestamptz,
    due          timestamptz NOT NULL,
    closed_at    timestamptz
);
-- Not (due, id): that would tempt the planner to look ids up here, in all that is open.
CREATE INDEX outbox_open ON outbox (due) INCLUDE (id, time) WHERE closed_at IS NULL;
CREATE INDEX outbox_closed ON outbox (closed_at) WHERE closed_at IS NOT NULL;
