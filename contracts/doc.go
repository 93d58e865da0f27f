// Package contracts holds what crosses a process boundary: message payloads,
// the error body and its codes, the few values both are made of, and the
// documents of it all (OpenAPI, AsyncAPI). It imports nothing but the standard
// library, so that every service, and every client, may import it.
package contracts
