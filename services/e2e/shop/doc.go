// Package shop tests the web service on the platform behind it: its ports' adapter with
// the real gateway and the real services, in one process.
package shop
