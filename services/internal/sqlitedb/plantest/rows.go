//go:build !race

package plantest

const rows = "100000"
