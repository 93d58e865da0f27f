//go:build !integration

package e2e

import (
	"fmt"
	"os"
)

func runServe(string) int {
	fmt.Fprintln(os.Stderr, "a platform is served by this binary with -tags integration")
	return 1
}
