// Package asyncapi holds the AsyncAPI 3 document of the messages between the
// services. It is written by `make specs`, and a test fails where it is not
// what the code says.
package asyncapi

import _ "embed"

// Document is the document.
//
//go:embed boxoffice.json
var Document []byte
