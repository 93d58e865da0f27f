-- +goose Up
-- A keyed hash of the address that a booking was made from, while a limit of the
-- address counts it; '' for all others.
ALTER TABLE bookings ADD COLUMN address TEXT NOT NULL DEFAULT '';
CREATE INDEX bookings_of_address ON bookings (address, status, event_id) WHERE address <> '';
-- Free bookings, which keep it for a day.
CREATE INDEX bookings_keep_address ON bookings (created_at) WHERE address <> '' AND status = 'CONFIRMED';
