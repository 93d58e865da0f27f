-- +goose Up
-- What reconciliations have found.
CREATE TABLE reconciliations (
    id     TEXT PRIMARY KEY, -- UUIDv7: by the time they began
    report TEXT NOT NULL     -- JSON
) STRICT, WITHOUT ROWID;
