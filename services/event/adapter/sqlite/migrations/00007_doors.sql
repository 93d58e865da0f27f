-- +goose Up

-- When people are let in, NULL for when the event starts; how many tickets one
-- booking may have, 0 for as many as any; and whether its tickets stay with their holders.
ALTER TABLE events ADD COLUMN doors_at INTEGER;
ALTER TABLE events ADD COLUMN max_per_booking INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN no_transfers INTEGER NOT NULL DEFAULT 0;

-- The place of the ticket type in its event's list, from 1; 0 where it was not kept.
ALTER TABLE reservation_items ADD COLUMN type_position INTEGER NOT NULL DEFAULT 0;
