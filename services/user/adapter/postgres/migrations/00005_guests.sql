-- +goose Up
CREATE TABLE guests (
    id         text COLLATE "C" PRIMARY KEY,
    name       text        NOT NULL,
    email      text        NOT NULL, -- as the guest wrote it; nobody is found by it
    phone      text        NOT NULL, -- '' is none
    locale     text        NOT NULL, -- BCP 47; '' is none
    created_at timestamptz NOT NULL
);
CREATE INDEX guests_by_age ON guests (created_at);
