-- +goose Up

-- A list of one status of a user reads what it has, and not all that the user was sent.
CREATE INDEX deliveries_user_status ON deliveries (user_id, status, created_at DESC, id DESC);

-- A list of a booking finds it in its order, so that no other order is better for it.
DROP INDEX deliveries_booking;
CREATE INDEX deliveries_booking ON deliveries (booking_id, created_at DESC, id DESC);
