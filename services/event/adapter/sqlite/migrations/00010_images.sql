-- +goose Up

-- What there is to know of an event's image, as JSON; '' where it has none.
ALTER TABLE events ADD COLUMN image TEXT NOT NULL DEFAULT '';

-- Its renditions. They are apart, so that nobody reads them who reads events.
CREATE TABLE images (
    event_id TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    width    INTEGER NOT NULL,
    etag     TEXT    NOT NULL,
    jpeg     BLOB    NOT NULL,
    PRIMARY KEY (event_id, width)
) STRICT;
