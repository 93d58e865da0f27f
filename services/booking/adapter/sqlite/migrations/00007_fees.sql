-- +goose Up
-- When a booking has kept a fee last: it goes back if the event had been
-- cancelled by then. Of those that are here already, a time that is not before.
ALTER TABLE bookings ADD COLUMN fee_at INTEGER;
UPDATE bookings SET fee_at = updated_at WHERE EXISTS (
    SELECT 1 FROM json_each(cancellations) WHERE json_extract(value, '$.Fee.amount_minor') > 0);
CREATE INDEX bookings_with_fees ON bookings (event_id, fee_at) WHERE fee_at IS NOT NULL;
