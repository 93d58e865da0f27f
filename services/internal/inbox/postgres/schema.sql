-- The inbox of a consumer. Copied into a migration of the service's own.
-- Ids are compared byte by byte, whatever the database's collation.
CREATE TABLE inbox (
    message_id  text COLLATE "C" PRIMARY KEY, -- of a message whose effect is stored
    received_at timestamptz NOT NULL
);
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE dead_letters (
    id          text COLLATE "C" PRIMARY KEY, -- the message's id
    topic       text        NOT NULL,
    attributes  json        NOT NULL,         -- the CloudEvent without its data
    data        bytea       NOT NULL,         -- its data, byte for byte
    reason      text        NOT NULL,
    failed_at   timestamptz NOT NULL,
    replayed_at timestamptz,
    replayed_by text        NOT NULL DEFAULT ''
);
