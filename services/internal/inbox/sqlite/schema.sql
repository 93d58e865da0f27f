-- The inbox of a consumer. Copied into the service's own 00001_init.sql.
CREATE TABLE inbox (
    message_id  TEXT    PRIMARY KEY, -- of a message whose effect is stored
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE dead_letters (
    id          TEXT    PRIMARY KEY, -- the message's id
    topic       TEXT    NOT NULL,
    attributes  TEXT    NOT NULL,    -- the CloudEvent without its data, JSON
    data        BLOB    NOT NULL,    -- its data, byte for byte
    reason      TEXT    NOT NULL,
    failed_at   INTEGER NOT NULL,
    replayed_at INTEGER,
    replayed_by TEXT    NOT NULL DEFAULT ''
) STRICT;
