// Package e2e tests Boxoffice from outside: real processes, HTTP, mails. It
// knows the API and nothing of the code behind it, so that the same suite runs
// on every way to run the platform. How a platform is started, killed and
// looked into is in standalone_test.go alone.
//
//	go test ./services/e2e
//
// The four tests that race, kill and cut off real processes, twenty times:
//
//	go test ./services/e2e -run 'FlashSale|KillNine|LateOutcomes|MailServerDown' -count=20 -timeout=2h
//
// KILL_SEED=n repeats the choices of one run of TestKillNine.
package e2e
