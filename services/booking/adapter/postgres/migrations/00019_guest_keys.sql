-- +goose Up
-- What guests find their bookings by; '' for the bookings of accounts. Open makes the keys of the
-- bookings before it.
ALTER TABLE bookings ADD COLUMN guest_key text NOT NULL DEFAULT '';
CREATE INDEX bookings_of_guests ON bookings (guest_key, id) WHERE guest_key <> '';
CREATE INDEX bookings_without_key ON bookings (id) WHERE guest AND guest_key = '';
