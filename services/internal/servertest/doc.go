// Package servertest is the module of the servers that tests run against:
// pgtest, mongotest and rabbittest. It stands apart from services/internal so
// that what starts containers is required by those who test with it alone.
package servertest
