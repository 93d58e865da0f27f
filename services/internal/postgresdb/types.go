package postgresdb

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// NullTime is an instant that may be absent: the zero time is NULL. It is both
// an argument and, as a pointer, a destination of Scan.
type NullTime time.Time

// TimestamptzValue makes it an argument.
func (t NullTime) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{Time: time.Time(t), Valid: !time.Time(t).IsZero()}, nil
}

// ScanTimestamptz makes it a destination.
func (t *NullTime) ScanTimestamptz(v pgtype.Timestamptz) error {
	*t = NullTime{}
	if v.Valid {
		*t = NullTime(v.Time.UTC())
	}
	return nil
}
