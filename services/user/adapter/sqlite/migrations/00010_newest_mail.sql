-- +goose Up

-- The order in which the mails of a purpose to a user were made. The clock may have been
-- set back between two of them.
ALTER TABLE account_mails ADD COLUMN nth INTEGER NOT NULL DEFAULT 0;
UPDATE account_mails SET nth = (
    SELECT count(*) FROM account_mails other
    WHERE other.user_id = account_mails.user_id AND other.purpose = account_mails.purpose
        AND (other.created_at, other.id) <= (account_mails.created_at, account_mails.id));
DROP INDEX account_mails_by_user;
CREATE INDEX account_mails_by_user ON account_mails (user_id, purpose, nth);
