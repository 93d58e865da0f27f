package pacttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a pact as far as it must be known before it is verified.
type File struct {
	Path         string `json:"-"`
	Consumer     named  `json:"consumer"`
	Provider     named  `json:"provider"`
	Interactions []struct {
		Type        string  `json:"type"`
		Description string  `json:"description"`
		States      []named `json:"providerStates"`
	} `json:"interactions"`
}

type named struct {
	Name string `json:"name"`
}

// asMessage is the type of an interaction that is a message, not a request.
const asMessage = "Asynchronous/Messages"

// Read reads the pacts of a folder. Each file must be one between two of our
// services, and have their names; a folder without any is an error.
func Read(dir string) ([]File, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no pacts", dir)
	}
	files := make([]File, len(paths))
	for i, path := range paths {
		if files[i], err = readFile(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return files, nil
}

func readFile(path string) (File, error) {
	f := File{Path: path}
	b, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, err
	}
	for _, name := range []string{f.Consumer.Name, f.Provider.Name} {
		if !slices.Contains(Services, name) {
			return f, fmt.Errorf("%q is none of %s", name, strings.Join(Services, ", "))
		}
	}
	if want := f.Consumer.Name + "-" + f.Provider.Name + ".json"; filepath.Base(path) != want {
		return f, fmt.Errorf("it should be named %s", want)
	}
	if len(f.Interactions) == 0 {
		return f, errors.New("it has no interactions")
	}
	return f, nil
}

// of returns the pacts that name the provider. They must be those of consumers,
// unless that is nil; and each request's state, and each message, must be known:
// the verifier passes over a state that is not.
func of(files []File, provider string, consumers []string, state, kind func(string) bool) ([]File, error) {
	var mine []File
	var errs []error
	for _, f := range files {
		if f.Provider.Name != provider {
			continue
		}
		mine = append(mine, f)
		if consumers != nil && !slices.Contains(consumers, f.Consumer.Name) {
			errs = append(errs, fmt.Errorf("%s does not know of its consumer %s", provider, f.Consumer.Name))
		}
		for _, i := range f.Interactions {
			wrong := func(format string, args ...any) {
				errs = append(errs, fmt.Errorf("%s expects %q: %s", f.Consumer.Name, i.Description, fmt.Sprintf(format, args...)))
			}
			switch {
			case i.Type == asMessage && !kind(i.Description):
				wrong("%s has no such message", provider)
			case i.Type == asMessage:
			case len(i.States) != 1:
				wrong("it has %d states, not one", len(i.States))
			case !state(i.States[0].Name):
				wrong("%s has no handler for the state %q", provider, i.States[0].Name)
			}
		}
	}
	for _, consumer := range consumers {
		if !slices.ContainsFunc(mine, func(f File) bool { return f.Consumer.Name == consumer }) {
			errs = append(errs, fmt.Errorf("there is no pact between %s and %s", consumer, provider))
		}
	}
	return mine, errors.Join(errs...)
}
