-- +goose Up

-- By which rules an event's keys were made: see event.KeysVersion. Older ones
-- are made anew when the file is opened, those of all events that there are now
-- included.
ALTER TABLE events ADD COLUMN keys_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_by_keys_version ON events (keys_version);

-- title_key is the title's sort key. What was searched is an index of words now.
ALTER TABLE events DROP COLUMN search;

-- search has the words of an event under its number. The words are folded and
-- cut by the domain, and ASCII alone is left to cut at: by spaces.
CREATE TABLE search_numbers (
    number   INTEGER PRIMARY KEY,
    event_id TEXT    NOT NULL UNIQUE REFERENCES events (id) ON DELETE CASCADE
) STRICT;
CREATE VIRTUAL TABLE search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '1 2 3'
);
-- +goose StatementBegin
CREATE TRIGGER search_forgets AFTER DELETE ON search_numbers BEGIN
    DELETE FROM search WHERE rowid = old.number;
END;
-- +goose StatementEnd
