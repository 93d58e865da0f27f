-- +goose Up
-- When a booking has kept a fee last: it goes back if the event had been
-- cancelled by then. Of those that are here already, a time that is not before.
ALTER TABLE bookings ADD COLUMN fee_at INTEGER;
UPDATE bookings SET fee_at = updated_at WHERE EXISTS (
    SELECT 1 FROM json_each(cancellations) WHERE json_extract(value, '$.Fee.amount_minor') > 0);
CREATE INDEX bookings_with_fees ON bookings (event_id, fee_at) WHERE fee_at IS NOT NULL;
-- Recovery returns those that an event has to give back, and sets the time of
-- the others right. It looks at no event that is done.
UPDATE cancelled_events SET done_at = NULL WHERE EXISTS (
    SELECT 1 FROM bookings b WHERE b.event_id = cancelled_events.event_id AND b.fee_at >= cancelled_events.occurred_at);
