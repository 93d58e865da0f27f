-- +goose Up

-- A claim goes in their order through what nobody has, or had in vain, and
-- looks for ended leases among what is leased: neither costs more the more is
-- waiting. A delivery that is open is in one of the two.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (due, id)
    WHERE status IN ('RESOLVING', 'PENDING') AND (lease = '' OR ended = 1);
CREATE INDEX deliveries_leased ON deliveries (due)
    WHERE status IN ('RESOLVING', 'PENDING') AND lease <> '' AND ended = 0;
