// Command bench measures Boxoffice, on this machine alone, and prints what it
// found as a table; bench.json beside its data has the same for machines. No
// figure is a pass or a fail: it ends with 1 only where an answer was an error,
// a ticket was sold twice, or a booking or its mail was lost.
//
//	make bench                      everything, in each way, within 10 minutes
//	make bench BENCH_TIME=2s        shorter
//	make bench BENCH_FLAGS=-ways=standalone
//	make bench-growth               the same work on more and more data
//	make profile                    what standalone spends its time on in a sale
//	make bench-compare BASE=commit  whether sales are slower than at that commit
//
// The platform is started as the tests start it, by the binary of the suite in
// services/e2e (serve_test.go there), so that what is measured is what is
// tested. The buyers are in this process and share the machine with all that
// they measure; usage.go says who used how much of it.
//
//	platform.go   a platform to measure, and talking to it
//	sale.go       flash sale, sold out       check.go  oversold and lost
//	browse.go     reading                    messages.go  mails, the outbox
//	limits_*.go   the limit: the same statements, and the same JSON, alone
//	growth.go     more and more rows         profile.go  profiles
//	report.go     the table              compare.go    two commits
package main
