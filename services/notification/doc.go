// Package notification sends the mails about accounts (HandleUser), and tells
// customers by email and SMS what became of their bookings: each once, however often and in whatever order the messages about
// it arrive, and whatever is down meanwhile.
//
// A message becomes one Record with at most two deliveries, rendered there and
// then and committed together with the message's id (Store.Enqueue). The
// worker (Service.Run) leases deliveries that are due, hands them to the
// Mailer or the SMS provider, and records what came of it. Nothing is called
// while a message is consumed, so neither a mail server nor the user service
// can hold messages up.
package notification
