// Command daprd is Dapr's sidecar, built from its published modules: for
// machines that have a Go module proxy, and no release of Dapr. It has the
// components that the folder components and the tests ask for, and no others,
// which would take longer to build than all else; see .ci/daprd.
//
// It is a module of its own, outside of go.work: the sidecar requires hundreds
// of modules, in versions that are none of this project's business. Keep its
// go.sum as it is.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub/rabbitmq"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
)

func main() {
	// With it the sidecars of one test find each other, and not those of another
	// on the same machine, as they do with mDNS.
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	pubsub.DefaultRegistry.RegisterComponent(rabbitmq.NewRabbitMQ, "rabbitmq")
	secretstores.DefaultRegistry.RegisterComponent(env.NewEnvSecretStore, "local.env")
	app.Run()
}
