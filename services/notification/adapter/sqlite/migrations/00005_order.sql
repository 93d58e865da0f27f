-- +goose Up

-- What a record says about its booking, as JSON: texts are written from it when
-- they are sent. Empty where the texts are stored.
ALTER TABLE records ADD COLUMN booking TEXT NOT NULL DEFAULT '';

-- A delivery may be OUTDATED. What is open is either ready, to be claimed in the
-- order of turn and due, or it waits until it is due, leased or not.
CREATE TABLE deliveries_new (
    id         TEXT    PRIMARY KEY,
    message_id TEXT    NOT NULL REFERENCES records (message_id),
    booking_id TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    channel    TEXT    NOT NULL CHECK (channel IN ('email', 'sms')),
    recipient  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    html       TEXT    NOT NULL,
    calendar   TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('RESOLVING', 'PENDING', 'SENT', 'FAILED', 'OUTDATED', 'DROPPED')),
    attempts   INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at    INTEGER,
    due        INTEGER NOT NULL,           -- while it is leased, when the lease ends
    turn       INTEGER NOT NULL DEFAULT 0,
    ready      INTEGER NOT NULL DEFAULT 0, -- 1 when it has been due, and nobody has claimed it since
    lease      TEXT    NOT NULL,           -- empty when nobody has it
    ended      INTEGER NOT NULL DEFAULT 0  -- 1 when somebody has found the lease ended: due is when its grace ends
) STRICT;
INSERT INTO deliveries_new (id, message_id, booking_id, user_id, channel, recipient, subject, text, html, calendar,
    status, attempts, error, created_at, sent_at, due, lease, ended)
SELECT id, message_id, booking_id, user_id, channel, recipient, subject, text, html, calendar,
    status, attempts, error, created_at, sent_at, due, lease, iif(lease = '', 0, ended) FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;

CREATE INDEX deliveries_ready ON deliveries (turn, due, id) WHERE status IN ('RESOLVING', 'PENDING') AND ready = 1;
CREATE INDEX deliveries_waiting ON deliveries (due) WHERE status IN ('RESOLVING', 'PENDING') AND ready = 0;
-- Outdated while they were leased.
CREATE INDEX deliveries_orphaned ON deliveries (id) WHERE status NOT IN ('RESOLVING', 'PENDING') AND lease <> '';
CREATE INDEX deliveries_newest ON deliveries (created_at DESC, id DESC);
CREATE INDEX deliveries_user ON deliveries (user_id, created_at DESC, id DESC);
CREATE INDEX deliveries_booking ON deliveries (booking_id);
