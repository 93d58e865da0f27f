package suitetest

import (
	"os"
	"testing"
)

// Long reports whether the environment asks for the long tier: TEST_LONG=1.
func Long() bool { return os.Getenv("TEST_LONG") == "1" }

// Amount is how many histories, rounds or rows a test goes through. ordinary is
// enough to find each mistake that is planted to prove the test; long, of
// the long tier, looks for those that nobody has thought of. -short takes
// a fifth of ordinary.
func Amount(ordinary, long int) int {
	switch {
	case Long():
		return long
	case testing.Short():
		return max(ordinary/5, 1)
	}
	return ordinary
}
