-- +goose Up

-- Lists of a category in a city have indexes of their own: those of one of the two
-- would be read until enough events are of the other, too.
CREATE INDEX events_by_category_city_start ON events (category_key, city_key, starts_at, id);
CREATE INDEX events_by_category_city_title ON events (category_key, city_key, title_key, id, starts_at);

-- A list by title of those that start in a range reads the titles' index until it
-- has enough, and with starts_at nothing but the index.
DROP INDEX events_by_title;
DROP INDEX events_by_category_title;
DROP INDEX events_by_city_title;
CREATE INDEX events_by_title ON events (title_key, id, starts_at);
CREATE INDEX events_by_category_title ON events (category_key, title_key, id, starts_at);
CREATE INDEX events_by_city_title ON events (city_key, title_key, id, starts_at);
