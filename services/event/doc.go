// Package event is the catalogue of events and the inventory of their tickets:
// what an organizer publishes, and what a booking may hold of it.
//
// The domain and its use cases are here, on two ports (ports.go): a [Store] of
// events and an [Inventory] of their tickets. The promise that matters most is
// the inventory's: for each ticket type, sold + held never exceeds capacity.
package event
