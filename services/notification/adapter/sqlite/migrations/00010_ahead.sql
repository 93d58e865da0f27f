-- +goose Up

-- The retention counts from two years after the message at the latest, however far
-- ahead its event is: event_at was the date of any event.
UPDATE records SET event_at = d.at + 2 * 365 * 86400000000
    FROM (SELECT message_id, max(created_at) AS at FROM deliveries GROUP BY message_id) AS d
    WHERE d.message_id = records.message_id AND records.event_at > d.at + 2 * 365 * 86400000000;
