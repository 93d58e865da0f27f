package user

import "time"

// EmailKeyVersion is the version of the rules behind EmailKey. A store replaces
// the keys that an older version made before it serves.
const EmailKeyVersion = 2

// Keyed is an account and the key under which it is stored.
type Keyed struct {
	ID, Email, Key string
	CreatedAt      time.Time
}

// Before reports whether k has the better right to a key that other has, too: it
// is older.
func (k Keyed) Before(other Keyed) bool {
	if c := k.CreatedAt.Compare(other.CreatedAt); c != 0 {
		return c < 0
	}
	return k.ID < other.ID
}
