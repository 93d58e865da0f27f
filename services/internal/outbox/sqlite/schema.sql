-- The outbox of a service. Copied into the service's own 00001_init.sql.
CREATE TABLE outbox (
    id           TEXT    PRIMARY KEY, -- the CloudEvent's id
    topic        TEXT    NOT NULL,
    attributes   TEXT    NOT NULL,    -- the CloudEvent without its data, JSON
    data         BLOB    NOT NULL,    -- its data, byte for byte
    time         INTEGER NOT NULL,    -- its time
    attempts     INTEGER NOT NULL DEFAULT 0,
    published_at INTEGER,
    due          INTEGER NOT NULL,
    closed_at    INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (due, id, time) WHERE closed_at IS NULL;
CREATE INDEX outbox_closed ON outbox (closed_at) WHERE closed_at IS NOT NULL;
