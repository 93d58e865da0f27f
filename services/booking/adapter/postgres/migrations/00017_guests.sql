-- +goose Up
-- Whose bookings were made without an account. Of those before it is known of guests who
-- have corrected them.
ALTER TABLE bookings ADD COLUMN guest boolean NOT NULL DEFAULT false;
UPDATE bookings SET guest = true WHERE contact IS NOT NULL;
