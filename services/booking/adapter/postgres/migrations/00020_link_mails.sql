-- +goose Up
-- Who asks for the links to bookings, and the mails that it leads to.
CREATE TABLE link_requests (
    id           text        NOT NULL PRIMARY KEY,
    guest_key    text        NOT NULL,
    mailbox      text        NOT NULL,
    client       text        NOT NULL,
    trace_parent text        NOT NULL,
    requested_at timestamptz NOT NULL,
    waits        boolean     NOT NULL DEFAULT true -- false: it counts for its client alone
);
CREATE INDEX link_requests_waiting ON link_requests (requested_at) WHERE waits;
CREATE INDEX link_requests_of_client ON link_requests (client, requested_at);
CREATE INDEX link_requests_done ON link_requests (requested_at) WHERE NOT waits;
CREATE TABLE link_mails (
    id         text        NOT NULL PRIMARY KEY,
    guest_key  text        NOT NULL,
    mailbox    text        NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX link_mails_to_mailbox ON link_mails (mailbox, created_at);
CREATE INDEX link_mails_by_age ON link_mails (created_at);
