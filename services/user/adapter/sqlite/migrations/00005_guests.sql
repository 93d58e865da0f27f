-- +goose Up
CREATE TABLE guests (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL, -- as the guest wrote it; nobody is found by it
    phone      TEXT    NOT NULL, -- '' is none
    locale     TEXT    NOT NULL, -- BCP 47; '' is none
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX guests_by_age ON guests (created_at);
