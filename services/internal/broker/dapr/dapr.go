// Package dapr is the broker of services that have a Dapr sidecar: messages go
// through it to RabbitMQ, and come from there. The sidecar is set up by the files
// in components/ at the top.
//
// # Publishing
//
// A plain POST to the sidecar, of the CloudEvent with its publisher's seal, in
// bytes (rawPayload): so that the sidecar neither reads it nor writes it anew, and
// every attribute is ours, the time and the subject too, which cannot be set by
// publish metadata. Dapr's SDK for Go would do the same call by gRPC, with
// modules that every service would carry for it. The sidecar answers that a
// message is published when RabbitMQ has confirmed it; but also when RabbitMQ
// refused it, or the connection broke before the answer. Nobody relies on it: a
// publisher keeps its message in an outbox until every consumer has receipted it.
//
// # Consuming
//
// A message is acknowledged after its effect: the sidecar's POST is answered when
// the handler is done with the message, or it is stored as a dead letter. What a
// kill of the consumer, of the sidecar or of RabbitMQ interrupts, RabbitMQ
// delivers again.
//
// The attempts are made here, within that one POST, by a broker in memory
// (package inproc), and not by Dapr's resiliency policy. That counts attempts and
// knows no more: an outage of the database would become a dead letter, which
// counts as received, and dead letters would have lost their reason. The policy,
// which is bounded, is for what only the sidecar sees: a consumer that is not
// there. What it gives up goes to the consumer's dead-letter topic, which the
// consumer hears by the same route: it has had no attempt yet.
package dapr
