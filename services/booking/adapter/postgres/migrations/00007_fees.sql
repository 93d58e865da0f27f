-- +goose Up
-- When a booking has kept a fee last: it goes back if the event had been
-- cancelled by then. Of those that are here already, a time that is not before.
ALTER TABLE bookings ADD COLUMN fee_at timestamptz;
UPDATE bookings SET fee_at = updated_at WHERE json_typeof(cancellations) = 'array' AND EXISTS (
    SELECT FROM json_array_elements(CASE json_typeof(cancellations) WHEN 'array' THEN cancellations END) AS c (cancellation)
    WHERE (cancellation #>> '{Fee,amount_minor}')::bigint > 0);
CREATE INDEX bookings_with_fees ON bookings (event_id, fee_at) WHERE fee_at IS NOT NULL;
