-- +goose Up
-- Links that were made with a lower version have ended.
ALTER TABLE bookings ADD COLUMN link_version integer NOT NULL DEFAULT 0;
