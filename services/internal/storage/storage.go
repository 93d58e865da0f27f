// Package storage is what every service's storage adapters say in one word,
// whatever database they speak to.
package storage

import "errors"

// ErrUnavailable says that the database did not do what it was asked, and may
// do it later: it does not answer, it is too busy, the connection was lost.
// httpkit answers it 503. Where a commit was under way it may have taken
// effect; everywhere else nothing has changed.
var ErrUnavailable = errors.New("the database does not answer")
