package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// thisMachine looks at it before anything is measured.
func thisMachine(ctx context.Context) (Machine, error) {
	m := Machine{
		Date: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Cores: runtime.NumCPU(), Servers: os.Getenv("TEST_SERVERS"),
	}
	m.Commit = git(ctx, "rev-parse", "--short=12", "HEAD")
	if git(ctx, "status", "--porcelain", "--untracked-files=no") != "" {
		m.Commit += " with changes"
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadStart = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	m.Processor = field("/proc/cpuinfo", "model name")
	if kb, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB")); err == nil {
		m.MemoryMB = kb / 1024
	}
	// The load says what was; a second says what is.
	const look = time.Second
	before, err := machineSeconds()
	if err != nil {
		return m, err
	}
	select {
	case <-ctx.Done():
		return m, ctx.Err()
	case <-time.After(look):
	}
	after, err := machineSeconds()
	m.Busy = (after-before)/look.Seconds() > 0.1*float64(m.Cores)
	return m, err
}

func git(ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output() //nolint:gosec // our own
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// field is the value of the first line of a file that begins with name.
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
