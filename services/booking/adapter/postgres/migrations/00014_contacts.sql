-- +goose Up
-- How a guest wants to hear of the booking, where they have corrected it.
ALTER TABLE bookings ADD COLUMN contact json;
