-- +goose Up
-- Links that were made with a lower version have ended.
ALTER TABLE bookings ADD COLUMN link_version INTEGER NOT NULL DEFAULT 0;
