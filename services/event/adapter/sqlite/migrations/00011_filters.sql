-- +goose Up

-- The lowest price, and the currency of all. Events of before have them, and their
-- months, once their keys are made anew.
ALTER TABLE events ADD COLUMN lowest_price INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN currency TEXT NOT NULL DEFAULT '';
CREATE INDEX events_by_currency_start ON events (currency, starts_at, id, lowest_price);
CREATE INDEX events_by_currency_title ON events (currency, title_key, id, starts_at, lowest_price);

-- The months in which an event runs, like 2026-12, each with the event's start: a page
-- of a month is read in the order of its key.
CREATE TABLE event_months (
    month    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    event_id TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    PRIMARY KEY (month, at, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_months_of ON event_months (event_id);
