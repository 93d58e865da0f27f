-- +goose Up

-- A line about the event, and the language of its texts (BCP 47); '' for none.
ALTER TABLE events ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN language TEXT NOT NULL DEFAULT '';

-- A line about the ticket type, and when it is sold, NULL for from the event's
-- publication, and until it starts.
ALTER TABLE ticket_types ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE ticket_types ADD COLUMN sales_from INTEGER;
ALTER TABLE ticket_types ADD COLUMN sales_until INTEGER;
