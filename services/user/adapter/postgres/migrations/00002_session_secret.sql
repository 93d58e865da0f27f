-- +goose Up
-- What makes a session's refresh tokens out of those before them. The default is
-- for the sessions that are there, and for those that a process of the version
-- before starts during an update.
ALTER TABLE sessions ADD COLUMN secret bytea NOT NULL
    DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
