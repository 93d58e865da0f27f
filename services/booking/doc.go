// Package booking sells tickets: it owns the booking and the saga that takes it
// from a request to confirmed tickets or to nothing owed.
//
// Read booking.go for what a booking is, ports.go for what it needs of the
// world, create.go for the way a request goes, recover.go for what happens
// when anything on that way dies, cancel.go for the way back.
package booking
