-- +goose Up
-- When the mail with the tickets was last asked for again.
ALTER TABLE bookings ADD COLUMN resends json;
