-- +goose Up
ALTER TABLE account_mails ADD COLUMN replaces TEXT NOT NULL DEFAULT ''; -- an address; '' is none
