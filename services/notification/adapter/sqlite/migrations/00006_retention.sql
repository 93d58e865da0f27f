-- +goose Up

-- From when the retention counts; NULL once the record is forgotten. When the
-- events of older records take place is not known: at most a year later, mostly.
ALTER TABLE records ADD COLUMN event_at INTEGER;
UPDATE records SET event_at = d.at + 365 * 86400000000
    FROM (SELECT message_id, max(created_at) AS at FROM deliveries GROUP BY message_id) AS d
    WHERE d.message_id = records.message_id;
CREATE INDEX records_event ON records (event_at) WHERE event_at IS NOT NULL;
CREATE INDEX deliveries_message ON deliveries (message_id);
