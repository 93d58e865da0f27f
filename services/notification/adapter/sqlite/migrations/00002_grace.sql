-- +goose Up

-- 1 when somebody has found the lease ended: due is when its grace ends.
ALTER TABLE deliveries ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
