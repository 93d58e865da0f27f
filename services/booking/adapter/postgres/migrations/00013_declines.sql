-- +goose Up
-- How many payments of a booking were declined: a checkout can have several.
ALTER TABLE bookings ADD COLUMN declines integer NOT NULL DEFAULT 0;
UPDATE bookings SET declines = 1 WHERE reason = 'payment_declined';
DROP INDEX bookings_declined;
CREATE INDEX bookings_declined ON bookings (user_id, updated_at) WHERE declines > 0;
