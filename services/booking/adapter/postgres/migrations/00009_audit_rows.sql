-- +goose Up
-- One row a change: the first step is in the columns there are, and those after
-- it are here. Each step has a number of its own, and so a row has as many as
-- booking.AuditRowSteps.
ALTER TABLE audit_log ADD COLUMN more json;
ALTER TABLE audit_log ALTER COLUMN number SET INCREMENT BY 64;
