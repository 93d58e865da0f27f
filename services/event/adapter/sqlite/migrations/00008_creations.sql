-- +goose Up

-- When an organizer has created events, for a day. An event may be deleted before.
CREATE TABLE creations (
    organizer_id TEXT    NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX creations_of ON creations (organizer_id, at);
CREATE INDEX creations_at ON creations (at);
