// Package openapi holds the OpenAPI 3.1 document of each service, as the service
// itself serves it at /openapi.json. They are written by `make specs`, and a
// test fails where one is not what the code says.
package openapi

import "embed"

//go:embed *.json
var files embed.FS

// Document returns the document of a service: user, event, booking or
// notification. It panics for any other.
func Document(service string) []byte {
	b, err := files.ReadFile(service + ".json")
	if err != nil {
		panic(err)
	}
	return b
}
