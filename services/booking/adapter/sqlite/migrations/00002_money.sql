-- +goose Up
-- Several refunds and cancellations of a booking, what was captured, and what
-- the customer has to do for the payment.
ALTER TABLE bookings ADD COLUMN refunds TEXT NOT NULL DEFAULT 'null';       -- JSON
ALTER TABLE bookings ADD COLUMN cancellations TEXT NOT NULL DEFAULT 'null'; -- JSON
ALTER TABLE bookings ADD COLUMN captured_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bookings ADD COLUMN captured_currency TEXT NOT NULL DEFAULT '';
ALTER TABLE bookings ADD COLUMN payment_action TEXT NOT NULL DEFAULT 'null'; -- JSON
ALTER TABLE bookings ADD COLUMN payment_deadline INTEGER;
UPDATE bookings SET captured_minor = total_minor, captured_currency = currency
    WHERE payment_status IN ('captured', 'refunded');
UPDATE bookings SET refunds = json_array(json_object(
        'ID', refund ->> 'ID', 'Amount', json(refund -> 'Amount'),
        'Decided', strftime('%Y-%m-%dT%H:%M:%SZ', updated_at / 1000000, 'unixepoch'),
        'Status', CASE WHEN refund ->> 'Done' THEN 'refunded' ELSE 'pending' END))
    WHERE refund IS NOT NULL;
-- A cancellation has to be there to be gone on with.
UPDATE bookings SET cancellations = json_array(json_object(
        'ID', id, 'Items', json(items), 'Price', json_object('amount_minor', total_minor, 'currency', currency),
        'Fee', json_object('amount_minor', 0, 'currency', currency),
        'RefundID', coalesce(refund ->> 'ID', ''), 'All', json('true'),
        'Done', json(CASE WHEN status = 'CANCELLED' THEN 'true' ELSE 'false' END),
        'At', strftime('%Y-%m-%dT%H:%M:%SZ', updated_at / 1000000, 'unixepoch'), 'By', user_id))
    WHERE status IN ('CANCELLING', 'CANCELLED');
ALTER TABLE bookings DROP COLUMN refund;

-- What has a time is to be driven from then on, whatever its status.
UPDATE bookings SET lease_until = NULL WHERE status IN ('CONFIRMED', 'FAILED', 'CANCELLED');
DROP INDEX bookings_unsettled;
CREATE INDEX bookings_to_drive ON bookings (lease_until, id) WHERE lease_until IS NOT NULL;
