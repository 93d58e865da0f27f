-- +goose Up
-- Every confirmation wrote to it, and only an account with declined payments is
-- looked up there: bookings_of_user finds the same among its bookings since then.
DROP INDEX bookings_paid;
