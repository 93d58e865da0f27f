package e2e

import "os"

// rounds is how often something is done in this tier: often enough in the
// ordinary one to prove it, and in the long one (TEST_LONG=1) to find what
// happens seldom.
func rounds(ordinary, long int) int {
	if os.Getenv("TEST_LONG") != "" {
		return long
	}
	return ordinary
}
