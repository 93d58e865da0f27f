package mongodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// maxAttempts is how often a request is made that met another one.
const maxAttempts = 8

// writeConflict is the code of a request that met another one.
const writeConflict = 112

// Codes of errors that say nothing about what was asked: the server goes down,
// is no primary any more, is too busy, or will not have anybody's request now.
var passing = []int{
	6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, // the driver's retryable ones
	10058,  // LegacyNotPrimary, to the driver no primary either
	13, 18, // Unauthorized, AuthenticationFailed: the user or its role has been changed
	24,      // LockTimeout
	43, 237, // CursorNotFound, CursorKilled: the rest of an answer is lost
	50,       // MaxTimeMSExpired
	64,       // WriteConcernTimeout, formerly WriteConcernFailed
	100,      // UnsatisfiableWriteConcern
	133,      // FailedToSatisfyReadPreference
	365, 402, // TemporarilyUnavailable, ResourceExhausted
	371,                // UserWritesBlocked
	433, 449, 450, 462, // the server is overloaded: AdmissionQueueOverflow, RateLimitExceeded, and the like
	11601, // Interrupted
	14031, // OutOfDiskSpace
	writeConflict,
}

// passingLabels are what servers and the driver call such errors, of whatever
// code.
var passingLabels = []string{"SystemOverloadedError", "RetryableError", "RetryableWriteError"}

// failed is err, as storage.ErrUnavailable where the server did not do what it
// was asked and may do it later. The caller's own cancellation stays what it is.
func failed(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrUnavailable) {
		return err
	}
	if unreachable(err) || mongo.IsTimeout(err) || conflict(err) {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	var server mongo.ServerError
	if errors.As(err, &server) &&
		(slices.ContainsFunc(passing, server.HasErrorCode) || slices.ContainsFunc(passingLabels, server.HasErrorLabel)) {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	return err
}

// unreachable reports whether there is no connection, or it broke.
func unreachable(err error) bool {
	// What broke one connection has closed the others: the driver's own word
	// for it has no name, but says that it may be tried again.
	var closed interface{ Retryable() bool }
	var network net.Error
	return mongo.IsNetworkError(err) || errors.Is(err, mongo.ErrClientDisconnected) ||
		errors.As(err, &closed) && closed.Retryable() ||
		// While a connection is being made, errors are as they are.
		errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// conflict reports whether a request had no effect because of another one that
// was made at the same time. MongoDB has a code for it; a server that keeps its
// documents in PostgreSQL says it in PostgreSQL's words.
func conflict(err error) bool {
	var server mongo.ServerError
	return errors.As(err, &server) &&
		(server.HasErrorCode(writeConflict) || strings.Contains(server.Error(), "deadlock detected"))
}

// pauses let others go first.
var pauses = retry.Pauses{First: 2 * time.Millisecond, Limit: 16 * time.Millisecond, Jitter: 90}

// Pause lets others go first before the n-th try, longer each time, or returns
// an error when ctx ends: storage.ErrUnavailable where it ran out of time.
func Pause(ctx context.Context, n int) error {
	if !pauses.Wait(ctx, n) {
		return failed(ctx.Err())
	}
	return nil
}
