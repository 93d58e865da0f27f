-- +goose Up
-- Whose bookings were made without an account. Of those before it is known of guests who
-- have corrected them.
ALTER TABLE bookings ADD COLUMN guest INTEGER NOT NULL DEFAULT 0;
UPDATE bookings SET guest = 1 WHERE contact <> 'null';
