-- +goose Up
-- Why a booking is set aside, and since when; NULL for one that is not.
ALTER TABLE bookings ADD COLUMN stuck_error TEXT NOT NULL DEFAULT '';
ALTER TABLE bookings ADD COLUMN stuck_since INTEGER;
CREATE INDEX bookings_stuck ON bookings (id) WHERE stuck_since IS NOT NULL;
