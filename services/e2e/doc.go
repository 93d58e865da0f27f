// Package e2e tests Boxoffice from outside: real processes, HTTP, mails. It
// knows the API and nothing of the code behind it, so that the same suite runs
// on every way to run the platform. How a platform is started, killed and
// looked into is in standalone_test.go, processes_test.go and dapr_test.go alone.
//
//	go test ./services/e2e
//
// Every answer is held to the OpenAPI document of the service that gave it, and
// the run fails where one is not as documented (documented_test.go).
//
// The same on four processes, on PostgreSQL and MongoDB:
//
//	E2E_SYSTEM=processes go test -tags integration ./services/e2e -skip '^TestStandalone|^TestDapr'
//
// And on four processes with their Dapr sidecars and RabbitMQ, run as dapr.yaml
// and components/ say:
//
//	E2E_SYSTEM=dapr TEST_DAPRD=$(.ci/daprd) go test -tags integration ./services/e2e -skip '^TestStandalone|^TestProcesses'
//
// Tests named TestProcesses… and TestDapr… are about these alone: a database, a
// process, a sidecar, RabbitMQ or the network between them fails. E2E_LOGS=dir
// keeps what was logged in tests that fail.
//
// The five tests that race, kill and cut off real processes, twenty times:
//
//	go test ./services/e2e -run 'FlashSale|KillNine|LateOutcomes|MailServerDown' -count=20 -timeout=2h
//
// KILL_SEED=n repeats the choices of one run of TestKillNine.
//
// The binary of this suite also runs a platform for another program
// (serve_test.go): make bench measures it, in services/e2e/bench.
package e2e
