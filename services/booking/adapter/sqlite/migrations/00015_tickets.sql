-- +goose Up
-- Whose holder of a ticket is another than the buyer; and the bookings whose tickets are or
-- were valid, page by page.
ALTER TABLE bookings ADD COLUMN holders TEXT NOT NULL DEFAULT 'null'; -- JSON
CREATE INDEX bookings_with_tickets ON bookings (event_id, id) WHERE status IN ('CONFIRMED', 'CANCELLING', 'CANCELLED');
