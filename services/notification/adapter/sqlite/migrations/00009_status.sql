-- +goose Up

-- A list of one status reads what it has, and not all the others. Other statements
-- name a status as well: they write +status, or INDEXED BY, where they would go by this.
CREATE INDEX deliveries_status ON deliveries (status, created_at DESC, id DESC);
