package suitetest

import (
	"os"
	"testing"
)

// longEnv asks for the long tier: TEST_LONG=1.
const longEnv = "TEST_LONG"

// Amount is how many histories, rounds or rows a test goes through. ordinary is
// enough to find each mistake that is planted to prove the test; long, which
// TEST_LONG=1 asks for, looks for those that nobody has thought of. -short takes
// a fifth of ordinary.
func Amount(ordinary, long int) int {
	switch {
	case os.Getenv(longEnv) == "1":
		return long
	case testing.Short():
		return max(ordinary/5, 1)
	}
	return ordinary
}
