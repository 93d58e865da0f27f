package specs

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/openapi"
)

var keep = flag.Bool("release", false, "make the documents and pacts of now those of the last release")

// released holds what the last release promised: its API documents and pacts,
// in the folders in which contracts has those of now. VERSION says which release
// it is, and SHA256SUMS what belongs to it.
const released = "released"

// releasedFolders are the folders that a release keeps.
var releasedFolders = []string{"asyncapi", "openapi", "pacts"}

// release is the last one.
type release struct {
	version string
	files   map[string][]byte // by their names in contracts
}

// readRelease reads what contracts/released holds. An error says that it is not
// all of what was released, and nothing else.
func readRelease(contracts string) (release, error) {
	dir := filepath.Join(contracts, released)
	version, err := os.ReadFile(filepath.Join(dir, "VERSION"))
	if err != nil {
		return release{}, err
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		return release{}, err
	}
	r := release{version: strings.TrimSpace(string(version))}
	if r.files, err = readFolders(dir); err != nil {
		return r, err
	}
	listed := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		text, there := r.files[name]
		switch {
		case !there:
			return r, fmt.Errorf("%s/%s is missing", released, name)
		case sum != fmt.Sprintf("%x", sha256.Sum256(text)):
			return r, fmt.Errorf("%s/%s is not what was released", released, name)
		}
		listed[name] = true
	}
	for name := range r.files {
		if !listed[name] {
			return r, fmt.Errorf("%s/%s was not released", released, name)
		}
	}
	return r, r.complete()
}

// complete is an error where a release lacks a kind of file.
func (r release) complete() error {
	if r.version == "" {
		return errors.New(released + "/VERSION is empty")
	}
	for _, folder := range releasedFolders {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(r.files)), func(name string) bool { return path.Dir(name) == folder }) {
			return fmt.Errorf("%s/%s has no file", released, folder)
		}
	}
	return nil
}

// readFolders reads the JSON files of the folders in dir that a release keeps.
func readFolders(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, folder := range releasedFolders {
		names, err := fs.Glob(os.DirFS(dir), folder+"/*.json")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if files[name], err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// writeRelease makes the documents and pacts of contracts those of the last
// release.
func writeRelease(contracts string) error {
	files, err := readFolders(contracts)
	if err != nil {
		return err
	}
	r := release{files: files, version: version(files["openapi/user.json"])}
	if err := r.complete(); err != nil {
		return err
	}
	dir := filepath.Join(contracts, released)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	files["SHA256SUMS"], files["VERSION"] = sums.Bytes(), []byte(r.version+"\n")
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// The last release is there, whole and as it was. With -release, it is made.
func TestReleased(t *testing.T) {
	t.Parallel()

	if *keep {
		if err := writeRelease(contractsDir); err != nil {
			t.Fatal(err)
		}
	}
	r, err := readRelease(contractsDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range r.files {
		if path.Dir(name) != "pacts" && version(text) != r.version {
			t.Errorf("%s/%s is of version %s, VERSION says %s", released, name, version(text), r.version)
		}
	}
}

func TestReleasedMustBeWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"nothing":                     {func(string) error { return nil }, ""},
		"no folder":                   {os.RemoveAll, "VERSION: no such file"},
		"an empty folder":             {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) }, "VERSION: no such file"},
		"no version":                  {func(dir string) error { return os.Remove(filepath.Join(dir, "VERSION")) }, "VERSION: no such file"},
		"an empty version":            {func(dir string) error { return os.WriteFile(filepath.Join(dir, "VERSION"), nil, 0o600) }, "released/VERSION is empty"},
		"no list":                     {func(dir string) error { return os.Remove(filepath.Join(dir, "SHA256SUMS")) }, "SHA256SUMS: no such file"},
		"no API document":             {func(dir string) error { return os.Remove(filepath.Join(dir, "openapi", "booking.json")) }, "released/openapi/booking.json is missing"},
		"no document of the messages": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "asyncapi")) }, "released/asyncapi/boxoffice.json is missing"},
		"no pact":                     {func(dir string) error { return os.Remove(filepath.Join(dir, "pacts", "user-event.json")) }, "released/pacts/user-event.json is missing"},
		"a document that was changed": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "openapi", "event.json"), []byte("{}"), 0o600)
		}, "released/openapi/event.json is not what was released"},
		"a document more": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "openapi", "web.json"), []byte("{}"), 0o600)
		}, "released/openapi/web.json was not released"},
		"a document that is gone since": {func(dir string) error { return os.Remove(filepath.Join(dir, "..", "openapi", "event.json")) }, "openapi/event.json: no such file"},
		"an empty list and no files": {func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "openapi")), os.RemoveAll(filepath.Join(dir, "asyncapi")),
				os.RemoveAll(filepath.Join(dir, "pacts")), os.WriteFile(filepath.Join(dir, "SHA256SUMS"), nil, 0o600))
		}, "released/asyncapi has no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contracts := t.TempDir()
			for _, folder := range releasedFolders {
				if err := os.CopyFS(filepath.Join(contracts, folder), os.DirFS(filepath.Join(contractsDir, folder))); err != nil {
					t.Fatal(err)
				}
			}
			if err := writeRelease(contracts); err != nil {
				t.Fatal(err)
			}
			if err := c.damage(filepath.Join(contracts, released)); err != nil {
				t.Fatal(err)
			}
			got := ""
			if _, err := incompatible(contracts); err != nil {
				got = err.Error()
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("the error is %q, want %q", got, c.want)
			}
		})
	}
}

// A document breaks clients only under the same major version.
func TestIncompatible(t *testing.T) {
	t.Parallel()
	contracts := t.TempDir()
	if err := os.CopyFS(contracts, os.DirFS(contractsDir)); err != nil {
		t.Fatal(err)
	}
	if err := writeRelease(contracts); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]int{"1.1.0": 1, "2.0.0": 0} {
		var d map[string]any
		if err := json.Unmarshal(openapi.Document("notification"), &d); err != nil {
			t.Fatal(err)
		}
		delete(at(d, "paths"), "/notifications")
		at(d, "info")["version"] = version
		text, err := json.Marshal(d)
		if err == nil {
			err = os.WriteFile(filepath.Join(contracts, "openapi", "notification.json"), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		breaks, err := incompatible(contracts)
		if err != nil {
			t.Fatal(err)
		}
		if len(breaks) != want {
			t.Errorf("version %s without a path: %q, want %d", version, breaks, want)
		}
	}
}
