// Package web is the shop: pages on which visitors find events, book, pay, and
// look after their tickets.
//
// It has no database. Everything it shows comes from the platform's public REST
// API, through the ports Catalog, Checkouts, Bookings and Accounts. What it must
// remember of a visitor lies in the visitor's cookie; see Session.
package web
