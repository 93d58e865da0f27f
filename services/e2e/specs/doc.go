// Package specs holds the services to what contracts/openapi and
// contracts/asyncapi say: the documents are what the code says, their examples
// are valid, and nothing that clients of the last release rely on is gone. The
// black-box suite, too, checks with it whatever it is answered.
//
//	go test ./services/e2e/specs -run TestDocuments -update
//
// writes the documents from the code; `make specs` does that as often as they
// are made of one another.
package specs
