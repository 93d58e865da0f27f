-- +goose Up

-- What a mail has attached for the customer's calendar; empty for most.
ALTER TABLE deliveries ADD COLUMN calendar TEXT NOT NULL DEFAULT '';
