-- +goose Up

-- A claim goes through what is due in its order, and looks for ended leases
-- among what is leased alone: neither costs more the more is waiting.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (due, id) WHERE status IN ('RESOLVING', 'PENDING');
CREATE INDEX deliveries_leased ON deliveries (due) WHERE lease <> '' AND ended = 0 AND status IN ('RESOLVING', 'PENDING');
