package standalone

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// platformData is a data directory that a platform has worked on, with one mail.
func platformData(t *testing.T) Config {
	t.Helper()
	cfg := onFreePorts(filepath.Join(t.TempDir(), "data"), "127.0.0.1:0")
	p, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.eml", ".unfinished-1"} {
		if err := os.WriteFile(filepath.Join(cfg.DataDir, "mail", name), []byte("Subject: x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

func backup(t *testing.T, cfg Config) (dir, said string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "backups", "monday")
	var out strings.Builder
	if err := Backup(t.Context(), cfg, dir, &out); err != nil {
		t.Fatal(err)
	}
	return dir, out.String()
}

func elsewhere(t *testing.T) Config {
	t.Helper()
	return onFreePorts(filepath.Join(t.TempDir(), "new", "data"), "127.0.0.1:0")
}

// tree are the files and folders below dir, with their modes.
func tree(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found[name] = info.Mode().Perm()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func wantFiles(t *testing.T, dir string, files ...string) {
	t.Helper()
	found := tree(t, dir)
	for name, mode := range map[string]fs.FileMode{".": 0o700, "mail": 0o700} {
		if found[name] != mode {
			t.Errorf("%s has mode %v", name, found[name])
		}
		delete(found, name)
	}
	for _, name := range files {
		if found[name] != 0o600 {
			t.Errorf("%s has mode %v", name, found[name])
		}
		delete(found, name)
	}
	if len(found) > 0 {
		t.Errorf("besides, there are %v", found)
	}
}

func TestABackupIsRestored(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	dir, said := backup(t, cfg)
	for _, want := range []string{"user.db", "1 mails", "restore " + dir, "environment"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	files := []string{"booking.db", "event.db", "notification.db", "user.db", "sandbox.db", secretsName, filepath.Join("mail", "a.eml")}
	wantFiles(t, dir, append(files, manifestName)...)

	there := elsewhere(t)
	var out strings.Builder
	if err := Restore(t.Context(), there, dir, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{there.DataDir, "sells nothing until", "/accept"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	wantFiles(t, there.DataDir, append(files, restoredName)...)
	if at, err := restoredAt(there.DataDir); err != nil || at.IsZero() {
		t.Errorf("restored at %s, %v", at, err)
	}
	p, err := Open(t.Context(), there)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}

func TestABackupWithoutAMailFolderOrASandbox(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	for _, name := range []string{"sandbox.db", "mail"} {
		if err := os.RemoveAll(filepath.Join(cfg.DataDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	dir, _ := backup(t, cfg)
	if err := Restore(t.Context(), elsewhere(t), dir, new(strings.Builder)); err != nil {
		t.Error(err)
	}
}

// wantNothing checks that a refused command has left nothing in the folder of dir.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err == nil && len(entries) > 0 {
		t.Errorf("it leaves %v", entries)
	}
}

func TestABackupIsRefused(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	refused := func(ctx context.Context, cfg Config, target, want string) {
		t.Helper()
		if err := Backup(ctx, cfg, target, new(strings.Builder)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t.Context(), cfg, full, "is not empty")
	refused(t.Context(), cfg, filepath.Join(full, "x"), "x")
	target := filepath.Join(t.TempDir(), "x")
	refused(t.Context(), elsewhere(t), target, "is no data directory of Boxoffice: booking.db is missing")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	refused(ended, cfg, target, "nothing was backed up")
	wantNothing(t, target)
	if err := os.WriteFile(filepath.Join(cfg.DataDir, "sandbox.db"), []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t.Context(), cfg, target, "sandbox.db: "+sqlitedb.ErrDamaged.Error())
	wantNothing(t, target)
}

func TestARestoreIsRefused(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	change := func(do func(m *manifest)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			m, err := readManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			do(&m)
			if err := writeJSON(filepath.Join(dir, manifestName), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	overwrite := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for want, damage := range map[string]func(t *testing.T, dir string){
		"it has no manifest.json":             remove(manifestName),
		"is damaged: manifest.json: ":         overwrite(manifestName, "{"),
		"no such file":                        remove("user.db"),
		"a.eml has 3 bytes instead of 11":     overwrite("mail/a.eml", "abc"),
		"the checksum of mail/a.eml is wrong": overwrite("mail/a.eml", "Subject: y\n"),
		"does not list event.db":              change(func(m *manifest) { m.Files = append(m.Files[:1], m.Files[2:]...) }),
		`lists "../x"`:                        change(func(m *manifest) { m.Files[0].Name = "../x" }),
		"is of Boxoffice 1.0.0 (format 2)":    change(func(m *manifest) { m.Format++ }),
		"is of Boxoffice 1.0.10 (format 1)":   change(func(m *manifest) { m.Version = "1.0.10" }),
		"is of Boxoffice 10.0.0 (format 1)":   change(func(m *manifest) { m.Version = "10.0.0" }),
		sqlitedb.ErrDamaged.Error() + ": sqlite: ": func(t *testing.T, dir string) {
			t.Helper()
			overwrite("user.db", strings.Repeat("no database", 1000))(t, dir)
			f, err := describe(dir, "user.db")
			if err != nil {
				t.Fatal(err)
			}
			f.Schema = 1
			change(func(m *manifest) {
				for i := range m.Files {
					if m.Files[i].Name == f.Name {
						m.Files[i] = f
					}
				}
			})(t, dir)
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			dir, _ := backup(t, cfg)
			damage(t, dir)
			there := elsewhere(t)
			if err := Restore(t.Context(), there, dir, new(strings.Builder)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
			wantNothing(t, there.DataDir)
		})
	}
}

func TestARestoreOverwritesNoData(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	dir, _ := backup(t, cfg)
	refused := func(want string) {
		t.Helper()
		before := tree(t, cfg.DataDir)
		if err := Restore(t.Context(), cfg, dir, new(strings.Builder)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		if after := tree(t, cfg.DataDir); len(after) != len(before) {
			t.Errorf("there were %v, and there are %v", before, after)
		}
	}
	refused("is not empty")
	p, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	refused("another Boxoffice is working on the data in " + cfg.DataDir)
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheNoteOfARestoreMustBeReadable(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	for _, text := range []string{"{", "{}", `{"restored_at":"yesterday"}`} {
		if err := os.WriteFile(filepath.Join(cfg.DataDir, restoredName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), restoredName) {
			t.Errorf("with %s it opens: %v", text, err)
		}
	}
}

func TestAManifestSaysWhatItIs(t *testing.T) {
	t.Parallel()
	dir, _ := backup(t, platformData(t))
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		if strings.HasSuffix(f.Name, ".db") && f.Schema == 0 {
			t.Errorf("%s has no schema", f.Name)
		}
	}
	if m.TakenAt.IsZero() || m.Version == "" || m.Format != 1 {
		t.Errorf("%s", b)
	}
}

func TestSizesAreReadable(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 3 << 20: "3.0 MiB", 5 << 30: "5.0 GiB"} {
		if got := readable(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}
