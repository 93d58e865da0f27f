// Command daprd is Dapr's sidecar, built from its published modules: for
// machines that have a Go module proxy, and no release of Dapr.
//
// It is a module of its own, outside of go.work: the sidecar requires hundreds
// of modules, in versions that are none of this project's business. Keep its
// go.sum as it is.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/nameresolution"
)

func main() {
	// Releases have it too. With it the sidecars of one test find each other,
	// and not those of another on the same machine, as they do with mDNS.
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	app.Run()
}
