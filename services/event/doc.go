// Package event is the catalogue of events and the inventory of their tickets:
// what an organizer publishes, and what a booking may hold of it.
//
// The domain and its use cases are here, on three ports (ports.go): a [Store] of
// events, an [Inventory] of their tickets, and the [Bookings] that a cancelled
// event had. The promise that matters most is the inventory's: for each ticket
// type, sold + held never exceeds capacity.
package event
