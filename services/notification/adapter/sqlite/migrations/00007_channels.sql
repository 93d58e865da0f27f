-- +goose Up

-- Each channel is claimed by itself, so that one that is slow holds up no other.
DROP INDEX deliveries_ready;
CREATE INDEX deliveries_ready ON deliveries (channel, turn, due, id) WHERE status IN ('RESOLVING', 'PENDING') AND ready = 1;
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (channel, due) WHERE status IN ('RESOLVING', 'PENDING') AND ready = 0;
