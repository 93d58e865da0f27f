-- +goose Up
-- What reconciliations have found.
CREATE TABLE reconciliations (
    id     text COLLATE "C" PRIMARY KEY, -- UUIDv7: by the time they began
    report json NOT NULL
);
