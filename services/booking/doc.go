// Package booking sells tickets: it owns the booking and the saga that takes it
// from a request to confirmed tickets or to nothing owed.
//
// Read booking.go for what a booking is, ports.go for what it needs of the
// world, saga.go for what follows when, create.go for a request, recover.go for
// what nobody drives, cancel.go for the way back.
package booking
