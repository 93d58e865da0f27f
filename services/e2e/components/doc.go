// Package components tests the files of components/ and dapr.yaml at the top:
// that nothing is missing which keeps messages and secrets. It needs no server.
package components
