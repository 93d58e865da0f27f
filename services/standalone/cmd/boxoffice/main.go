// Command boxoffice is the whole platform in one process.
package main

import (
	"os"

	"github.com/openboxoffice/boxoffice/services/standalone"
)

func main() { os.Exit(standalone.Main(os.Args[1:], os.Stdout, os.Stderr)) }
