// Package internal holds what the services share and nobody else may import.
package internal
