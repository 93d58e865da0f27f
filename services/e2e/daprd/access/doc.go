// Package access asks Dapr's own code what the access control of
// components/kubernetes means.
package access
