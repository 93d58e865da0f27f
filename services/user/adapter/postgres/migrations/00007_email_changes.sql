-- +goose Up
ALTER TABLE account_mails ADD COLUMN replaces text NOT NULL DEFAULT ''; -- an address; '' is none
