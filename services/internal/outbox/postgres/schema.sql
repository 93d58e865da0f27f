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
