// Package user is who may do what: accounts, logins and the tokens that prove
// them. It knows neither HTTP nor SQL nor how a password is hashed; ports.go
// says what it needs of those.
package user
