package postgresdb

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// outcomeOf reads an SQLSTATE. What is not listed is an answer: a constraint
// that was broken, or a mistake of ours.
func outcomeOf(code string) outcome {
	switch code {
	case "40001", // serialization_failure
		"40P01": // deadlock_detected
		return broken
	case "25006", // read_only_sql_transaction: a primary that is one no longer
		"55P03": // lock_not_available: lock_timeout
		return failed
	}
	switch code[:min(2, len(code))] {
	case "08", // connection_exception
		"53", // insufficient_resources: connections, memory, disk
		"57", // operator_intervention: shutdown, statement_timeout
		"58": // system_error: an I/O error
		return failed
	}
	return answered
}

// IsUniqueViolation reports whether err is a row that breaks the unique
// constraint or index of this name.
func IsUniqueViolation(err error, name string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.ConstraintName == name
}

// IsNoText reports whether err is a text that PostgreSQL cannot store: one
// with a NUL, or not in UTF-8. Nothing that is stored is equal to it.
func IsNoText(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "22021" // character_not_in_repertoire
}
