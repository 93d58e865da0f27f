-- +goose Up
-- Several refunds and cancellations of a booking, what was captured, and what
-- the customer has to do for the payment.
ALTER TABLE bookings
    ADD COLUMN refunds           json,
    ADD COLUMN cancellations     json,
    ADD COLUMN captured_minor    bigint NOT NULL DEFAULT 0,
    ADD COLUMN captured_currency text   NOT NULL DEFAULT '',
    ADD COLUMN payment_action    json,
    ADD COLUMN payment_deadline  timestamptz;
UPDATE bookings SET captured_minor = total_minor, captured_currency = currency
    WHERE payment_status IN ('captured', 'refunded');
UPDATE bookings SET refunds = json_build_array(json_build_object(
        'ID', refund ->> 'ID', 'Amount', refund -> 'Amount', 'Decided', updated_at,
        'Status', CASE WHEN (refund ->> 'Done')::boolean THEN 'refunded' ELSE 'pending' END))
    WHERE refund IS NOT NULL;
-- A cancellation has to be there to be gone on with.
UPDATE bookings SET cancellations = json_build_array(json_build_object(
        'ID', id, 'Items', items, 'Price', json_build_object('amount_minor', total_minor, 'currency', currency),
        'Fee', json_build_object('amount_minor', 0, 'currency', currency),
        'RefundID', coalesce(refund ->> 'ID', ''), 'All', true, 'Done', status = 'CANCELLED', 'At', updated_at, 'By', user_id))
    WHERE status IN ('CANCELLING', 'CANCELLED');
ALTER TABLE bookings DROP COLUMN refund;

-- What has a time is to be driven from then on, whatever its status.
UPDATE bookings SET lease_until = NULL WHERE status IN ('CONFIRMED', 'FAILED', 'CANCELLED');
DROP INDEX bookings_unsettled;
CREATE INDEX bookings_to_drive ON bookings (lease_until, id) WHERE lease_until IS NOT NULL;
