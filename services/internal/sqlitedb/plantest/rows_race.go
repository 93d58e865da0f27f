//go:build race

package plantest

// The race detector makes SQLite many times slower, and without statistics its
// plans do not go by how many rows there are.
const rows = "2000"
