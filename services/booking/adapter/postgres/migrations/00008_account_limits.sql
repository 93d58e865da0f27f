-- +goose Up
-- What counts for the limits of a user: tickets that nobody has paid for, and
-- payments that were declined.
ALTER TABLE bookings ADD COLUMN unpaid_tickets integer NOT NULL DEFAULT 0;
UPDATE bookings SET unpaid_tickets = counted.tickets FROM (
    SELECT b.id, sum((item.value ->> 'quantity')::integer) AS tickets
    FROM bookings b, json_array_elements(CASE json_typeof(b.items) WHEN 'array' THEN b.items END) AS item (value)
    WHERE b.status = 'PENDING' OR b.status = 'CONFIRMED' AND (item.value #>> '{unit_price,amount_minor}')::bigint = 0
    GROUP BY b.id) AS counted
WHERE counted.id = bookings.id AND counted.tickets > 0;
CREATE INDEX bookings_unpaid ON bookings (user_id, status, event_id) WHERE unpaid_tickets > 0;
CREATE INDEX bookings_declined ON bookings (user_id, updated_at) WHERE reason = 'payment_declined';
CREATE INDEX bookings_paid ON bookings (user_id, id) WHERE status = 'CONFIRMED' AND captured_minor > 0;
