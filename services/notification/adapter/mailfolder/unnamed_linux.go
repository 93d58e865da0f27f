package mailfolder

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// createUnnamed creates a file in dir that has no name. It is gone when it is
// closed, or its process killed, unless nameIt has given it one.
func createUnnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// takesUnnamed reports whether files in dir can be created without a name, and
// named later. Some file systems cannot, and some containers have no /proc.
func takesUnnamed(dir string) bool {
	f, err := createUnnamed(dir)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // nothing was written
	_, err = os.Stat(openFile(f))
	return err == nil
}

func openFile(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// nameIt gives an unnamed file its name, which nothing may have.
func nameIt(f *os.File, name string) error {
	from := openFile(f)
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: from, New: name, Err: err}
	}
	return nil
}
