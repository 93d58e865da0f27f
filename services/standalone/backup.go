package standalone

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

const (
	manifestName = "manifest.json"
	restoredName = "restored.json"
	mailName     = "mail"
	// backupFormat is that of a backup's folder. Raise it when an older program could
	// not restore what a newer one writes.
	backupFormat = 1
)

// databases are the files of the services. The sandbox's is there only where it
// takes the money.
var databases = []string{"booking.db", "event.db", "notification.db", "user.db"}

const sandboxDatabase = "sandbox.db"

// manifest says what a backup consists of.
type manifest struct {
	Format  int         `json:"format"`
	Version string      `json:"version"` // of Boxoffice
	TakenAt time.Time   `json:"taken_at"`
	Files   []savedFile `json:"files"`
}

type savedFile struct {
	Name   string `json:"name"` // with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Schema int64  `json:"schema,omitempty"` // a database's
}

func (m manifest) size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// restored is what a data directory that comes from a backup says of itself.
type restored struct {
	RestoredAt time.Time `json:"restored_at"`
	TakenAt    time.Time `json:"backup_taken_at"`
}

// Backup copies the platform's data into target, whether the platform runs or not,
// and tells out about it. The target must not exist, or be empty.
//   - All databases, and with them the users' signing keys, are as they were at one
//     instant: what a power loss would have left at that instant. So the platform
//     recovers from a backup as it does from a kill, and keeps the same promises:
//     each booking has its tickets, and no ticket is held for two.
//   - The secrets that the platform made for itself, of tickets' codes and of links, are
//     in it.
//   - Mails in the mail folder are those that had been written by then. Logs, which
//     nothing needs, and the environment stay behind.
//   - A target is whole or not there: it is written under another name, verified,
//     synced and renamed.
//   - Folders have mode 0700 and files 0600.
func Backup(ctx context.Context, cfg Config, target string, out io.Writer) error {
	if err := vacant(target); err != nil {
		return err
	}
	paths, err := databasesIn(cfg.DataDir)
	if err != nil {
		return err
	}
	began := time.Now()
	m := manifest{Format: backupFormat, Version: httpkit.Version}
	err = createWhole(target, func(dir string) error {
		at, err := sqlitedb.Backup(ctx, dir, paths...)
		if err != nil {
			return err
		}
		m.TakenAt = at.UTC()
		for _, path := range paths {
			name := filepath.Base(path)
			f, err := describe(dir, name)
			if err != nil {
				return err
			}
			if f.Schema, err = sqlitedb.SchemaVersion(ctx, filepath.Join(dir, name)); err != nil {
				return err
			}
			m.Files = append(m.Files, f)
		}
		secrets, err := copySecrets(cfg.DataDir, dir)
		if err != nil {
			return err
		}
		mails, err := copyMails(ctx, cfg.DataDir, dir, at)
		if err != nil {
			return err
		}
		m.Files = append(append(m.Files, secrets...), mails...)
		return writeJSON(filepath.Join(dir, manifestName), m)
	})
	if err != nil {
		return fmt.Errorf("nothing was backed up: %w", err)
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	say("Backed up %s to %s, as it was at %s:\n", cfg.DataDir, target, m.TakenAt.Format(time.RFC3339))
	mails, mailBytes := 0, int64(0)
	for _, f := range m.Files {
		if strings.HasPrefix(f.Name, mailName+"/") {
			mails, mailBytes = mails+1, mailBytes+f.Size
			continue
		}
		say("  %-16s %10s", f.Name, readable(f.Size))
	}
	say("  %-16s %10s   %d mails", mailName+"/", readable(mailBytes), mails)
	say("\n%s in %s. It holds signing keys and personal data: keep it where only you can read it, on another machine.", readable(m.size()), time.Since(began).Round(time.Millisecond))
	say("Keep the environment variables with it (payment, mail and SMS credentials, TICKET_KEY, LINK_KEY and WEB_SESSION_KEY): they are not in it.")
	say("To restore it into an empty folder: DATA_DIR=FOLDER boxoffice restore %s", target)
	return nil
}

// Restore creates the data directory from the backup in source and tells out about it.
//   - The data directory must not exist, or be empty.
//   - Every file has the size and the checksum that the manifest has, and every
//     database is whole; otherwise nothing is restored.
//   - A backup of a newer Boxoffice is refused.
//   - The data says that it was restored: the platform sells nothing until it agrees
//     with the payment provider's books.
func Restore(ctx context.Context, cfg Config, source string, out io.Writer) error {
	if err := unused(cfg.DataDir); err != nil {
		return err
	}
	m, err := readManifest(source)
	if err != nil {
		return err
	}
	err = createWhole(cfg.DataDir, func(dir string) error {
		for _, f := range m.Files {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := restoreFile(ctx, source, dir, f); err != nil {
				return err
			}
		}
		return writeJSON(filepath.Join(dir, restoredName), restored{RestoredAt: time.Now().UTC(), TakenAt: m.TakenAt})
	})
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	say("Restored %s (%d files, %s) into %s.", source, len(m.Files), readable(m.size()), cfg.DataDir)
	say("It is as it was at %s. Later bookings, cancellations and accounts are not in it.\n", m.TakenAt.Format(time.RFC3339))
	say("Now start Boxoffice with DATA_DIR=%s and the environment variables of before.", cfg.DataDir)
	say("It sells nothing until its bookings agree with the payment provider's books. Later charges and refunds are")
	say("listed in logs/booking.log and by the booking service (port 8082) at GET /admin/reconciliations. Once you have")
	say("dealt with them, open sales with POST /admin/reconciliations/ID/accept there, as an admin.")
	return nil
}

// restoredAt is when the data came from a backup; zero if it never did.
func restoredAt(dataDir string) (time.Time, error) {
	var r restored
	b, err := os.ReadFile(filepath.Join(dataDir, restoredName))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err == nil && r.RestoredAt.IsZero() {
		err = errors.New("restored_at is missing")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("DATA_DIR: %s: %w", restoredName, err)
	}
	return r.RestoredAt, nil
}

// databasesIn are the paths of the databases in the data directory.
func databasesIn(dataDir string) ([]string, error) {
	paths := []string{}
	for _, name := range append(slices.Clone(databases), sandboxDatabase) {
		path := filepath.Join(dataDir, name)
		switch _, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist) && name == sandboxDatabase:
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s is no data directory of Boxoffice: %s is missing; set DATA_DIR to the one to back up", dataDir, name)
		case err != nil:
			return nil, fmt.Errorf("DATA_DIR: %w", err)
		default:
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// vacant returns an error if there is something at dir.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty; choose a folder that does not exist yet", dir)
	}
	return nil
}

// unused returns an error if there is data in the data directory, whether a
// platform works on it or not.
func unused(dataDir string) error {
	if _, err := os.Stat(filepath.Join(dataDir, ".lock")); err == nil {
		lock := flock.New(filepath.Join(dataDir, ".lock"), flock.SetPermissions(0o600))
		taken, err := lock.TryLock()
		if err != nil {
			return fmt.Errorf("DATA_DIR: %w", err)
		}
		_ = lock.Close() // it was only asked for
		if !taken {
			return fmt.Errorf("another Boxoffice is working on the data in %s; choose an empty folder with DATA_DIR", dataDir)
		}
	}
	if err := vacant(dataDir); err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	return nil
}

// createWhole creates the folder dir with what fill writes, or leaves no trace.
func createWhole(dir string, fill func(dir string) error) (err error) {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(parent, ".unfinished-*") // mode 0700
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(aside))
		}
	}()
	if err := fill(aside); err != nil {
		return err
	}
	if err := filepath.WalkDir(aside, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = sync(path)
		}
		return err
	}); err != nil {
		return err
	}
	// An empty folder gives way; one that has filled meanwhile does not.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(aside, dir); err != nil {
		return err
	}
	return sync(parent)
}

// sync makes what is at path survive a power loss.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copySecrets copies the file of secrets, which is replaced as a whole. A platform
// that has all of them from its environment, or is of an older version, has none.
func copySecrets(dataDir, target string) (saved []savedFile, err error) {
	f := savedFile{Name: secretsName}
	f.Size, f.SHA256, err = copyFile(filepath.Join(dataDir, secretsName), filepath.Join(target, secretsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return []savedFile{f}, err
}

// copyMails copies the mails that had been written at that instant. Sending one
// again changes nothing where its file is there, so one too many does no harm.
func copyMails(ctx context.Context, dataDir, target string, at time.Time) (saved []savedFile, err error) {
	entries, err := os.ReadDir(filepath.Join(dataDir, mailName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // they go to a server
	}
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(target, mailName), 0o700); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if filepath.Ext(e.Name()) != ".eml" {
			continue // it is being written
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if info.ModTime().After(at) {
			continue
		}
		f := savedFile{Name: mailName + "/" + e.Name()}
		if f.Size, f.SHA256, err = copyFile(filepath.Join(dataDir, mailName, e.Name()), filepath.Join(target, mailName, e.Name())); err != nil {
			return nil, err
		}
		saved = append(saved, f)
	}
	return saved, nil
}

// copyFile copies a file, syncs the copy, and returns its size and checksum.
func copyFile(from, to string) (size int64, sum string, err error) {
	source, err := os.Open(from)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = source.Close() }() // it was only read
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(target, hash), source)
	if err == nil {
		err = target.Sync()
	}
	return size, hex.EncodeToString(hash.Sum(nil)), errors.Join(err, target.Close())
}

func describe(dir, name string) (savedFile, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return savedFile{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	return savedFile{Name: name, Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))}, err
}

func readManifest(source string) (m manifest, err error) {
	b, err := os.ReadFile(filepath.Join(source, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is no backup: it has no %s", source, manifestName)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%s is damaged: %s: %w", source, manifestName, err)
	}
	if m.Format > backupFormat || newer(m.Version, httpkit.Version) {
		return m, fmt.Errorf("%s is of Boxoffice %s (format %d), and this is %s (format %d): restore it with that version, or a newer one",
			source, m.Version, m.Format, httpkit.Version, backupFormat)
	}
	has := map[string]bool{}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return m, fmt.Errorf("%s is damaged: %s lists %q", source, manifestName, f.Name)
		}
		has[f.Name] = true
	}
	for _, name := range databases {
		if !has[name] {
			return m, fmt.Errorf("%s is damaged: %s does not list %s", source, manifestName, name)
		}
	}
	return m, nil
}

func restoreFile(ctx context.Context, source, dir string, f savedFile) error {
	name := filepath.FromSlash(f.Name)
	target := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	size, sum, err := copyFile(filepath.Join(source, name), target)
	switch {
	case err != nil:
		return err
	case size != f.Size:
		return fmt.Errorf("%s is damaged: %s has %d bytes instead of %d", source, f.Name, size, f.Size)
	case sum != f.SHA256:
		return fmt.Errorf("%s is damaged: the checksum of %s is wrong", source, f.Name)
	case f.Schema > 0:
		return sqlitedb.Check(ctx, target)
	}
	return nil
}

// newer reports whether version a (1.2.3) is newer than b.
func newer(a, b string) bool {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX != nil || errY != nil {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(x, y)
	}) > 0
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return sync(path)
}

// readable is a size as people read it.
func readable(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
