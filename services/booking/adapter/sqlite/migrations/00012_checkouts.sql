-- +goose Up
-- Whether the customer waits to hear how a payment ended, which was the same as
-- that the key of the booking stands; and what is done between hold and payment.
ALTER TABLE bookings ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
UPDATE bookings SET owed = 1 WHERE acknowledged AND status = 'PENDING';
ALTER TABLE bookings ADD COLUMN checkout TEXT NOT NULL DEFAULT 'null'; -- JSON
