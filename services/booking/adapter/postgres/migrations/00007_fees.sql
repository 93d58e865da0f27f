-- +goose Up
-- When a booking has kept a fee last: it goes back if the event had been
-- cancelled by then. Of those that are here already, a time that is not before.
ALTER TABLE bookings ADD COLUMN fee_at timestamptz;
UPDATE bookings SET fee_at = updated_at WHERE json_typeof(cancellations) = 'array' AND EXISTS (
    SELECT FROM json_array_elements(CASE json_typeof(cancellations) WHEN 'array' THEN cancellations END) AS c (cancellation)
    WHERE (cancellation #>> '{Fee,amount_minor}')::bigint > 0);
CREATE INDEX bookings_with_fees ON bookings (event_id, fee_at) WHERE fee_at IS NOT NULL;
-- Recovery returns those that an event has to give back, and sets the time of
-- the others right. It looks at no event that is done.
UPDATE cancelled_events SET done_at = NULL WHERE EXISTS (
    SELECT FROM bookings b WHERE b.event_id = cancelled_events.event_id AND b.fee_at >= cancelled_events.occurred_at);
