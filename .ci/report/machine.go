package main

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// inMemory is the environment in which tests keep their files in memory, where
// the system has room for that: thousands of SQLite files are synced otherwise.
// What tests show of a kill is the same, for the kernel keeps what was written.
func inMemory() []string {
	const dir, room = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return nil
	}
	return []string{"TMPDIR=" + dir, "GOTMPDIR=" + os.TempDir()}
}

// usage adds up the processor time of processes that have ended.
type usage struct{ nanoseconds atomic.Int64 }

// add takes in a process that has ended, with its descendants that were waited
// for.
func (u *usage) add(cmd *exec.Cmd) {
	if state := cmd.ProcessState; state != nil {
		u.nanoseconds.Add(int64(state.UserTime() + state.SystemTime()))
	}
}

func (u *usage) total() time.Duration { return time.Duration(u.nanoseconds.Load()) }

// machine is what the kernel counts for all processors together.
type machine struct {
	busy time.Duration
	ok   bool // this system tells
}

// readMachine reads /proc/stat, which Linux has; see proc_stat(5).
func readMachine() machine {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{}
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return machine{}
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every platform of Go's
	m := machine{ok: true}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return machine{}
		}
		if idle, iowait := i == 3, i == 4; !idle && !iowait {
			m.busy += time.Duration(n) * tick
		}
	}
	return m
}

// busySince is how long the processors worked between two readings.
func (m machine) busySince(before machine) (time.Duration, bool) {
	return m.busy - before.busy, m.ok && before.ok
}
