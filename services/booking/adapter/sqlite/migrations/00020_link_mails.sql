-- +goose Up
-- Who asks for the links to bookings, and the mails that it leads to.
CREATE TABLE link_requests (
    id           TEXT    NOT NULL PRIMARY KEY,
    guest_key    TEXT    NOT NULL,
    mailbox      TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    trace_parent TEXT    NOT NULL,
    requested_at INTEGER NOT NULL,
    waits        INTEGER NOT NULL DEFAULT 1 -- 0: it counts for its client alone
);
CREATE INDEX link_requests_waiting ON link_requests (requested_at) WHERE waits = 1;
CREATE INDEX link_requests_of_client ON link_requests (client, requested_at);
CREATE INDEX link_requests_done ON link_requests (requested_at) WHERE waits = 0;
CREATE TABLE link_mails (
    id         TEXT    NOT NULL PRIMARY KEY,
    guest_key  TEXT    NOT NULL,
    mailbox    TEXT    NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX link_mails_to_mailbox ON link_mails (mailbox, created_at);
CREATE INDEX link_mails_by_age ON link_mails (created_at);
