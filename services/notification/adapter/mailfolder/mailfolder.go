// Package mailfolder is a Mailer that writes each mail as one .eml file, for
// machines without a mail server.
package mailfolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/internal/mime"
)

const tempPrefix = ".unfinished-"

// Folder is a notification.Mailer. A mail is the file "<notification id>.eml":
// it is there whole or not at all, and is written exactly once, whatever is
// killed when.
type Folder struct {
	dir     string
	writer  *mime.Writer
	unnamed bool // a file is written before it has a name: half the work for the folder
}

var _ notification.Mailer = (*Folder)(nil)

// New returns the folder dir, which it creates (mode 0700) or clears of the
// files that a killed process left unfinished.
func New(dir, from string) (*Folder, error) {
	w, err := mime.NewWriter(from)
	if err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(escape(dir), tempPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("mail folder: %w", err)
		}
	}
	return &Folder{dir: dir, writer: w, unnamed: takesUnnamed(dir)}, nil
}

// escape makes dir match itself in a glob pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// Send implements notification.Mailer. A mail whose file is there has been sent.
func (f *Folder) Send(ctx context.Context, m notification.Mail) error {
	if ctx.Err() != nil {
		return &notification.SendError{Reason: "there was no time left to write the mail"}
	}
	msg, err := f.writer.Message(m)
	if err != nil {
		return err
	}
	final := filepath.Join(f.dir, m.ID+".eml")
	if _, err := os.Stat(final); err == nil {
		// It may have been linked by a process that was killed before the
		// folder was synced.
		return failed(syncDir(f.dir))
	}
	draft, name, err := f.draft()
	if err != nil {
		return failed(err)
	}
	defer func() { _ = draft.Close() }() // it is synced by then, or of no use
	if !f.unnamed {
		defer func() { _ = os.Remove(draft.Name()) }() // or New does, at the next start
	}
	if _, err := msg.WriteTo(draft); err != nil {
		return failed(err)
	}
	if err := draft.Sync(); err != nil {
		return failed(err)
	}
	if err := name(draft, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return failed(err)
	}
	return failed(syncDir(f.dir))
}

// draft creates a file of mode 0600 to write a mail to, and returns what links it
// to its name. A link, unlike a rename, never replaces what is there.
func (f *Folder) draft() (draft *os.File, link func(draft *os.File, name string) error, err error) {
	if f.unnamed {
		draft, err = createUnnamed(f.dir)
		return draft, nameIt, err
	}
	draft, err = os.CreateTemp(f.dir, tempPrefix+"*")
	return draft, func(draft *os.File, name string) error { return os.Link(draft.Name(), name) }, err
}

// failed is err without the file's name, or nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	reason := "the mail folder cannot be written to"
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		reason += ": " + pe.Err.Error()
	case errors.As(err, &le):
		reason += ": " + le.Err.Error()
	}
	return &notification.SendError{Reason: reason}
}

// syncDir makes the names in dir survive a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
