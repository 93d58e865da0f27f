package standalone

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

// secretsName is the file of the secrets that outlive the process.
const secretsName = "secrets.json"

// keptSecrets are the variables of these secrets. What the environment sets is not kept.
var keptSecrets = []string{"TICKET_KEY", "LINK_KEY", "WEB_SESSION_KEY"}

// addSecrets adds the kept secrets that environ does not set to decided. Those that
// there are not yet are made and stored first: a ticket's code is good for as long as
// its key is there.
func addSecrets(dataDir string, environ, decided map[string]string) error {
	path := filepath.Join(dataDir, secretsName)
	kept := map[string]string{}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("DATA_DIR: %s: %w", secretsName, err)
	}
	made := false
	for _, variable := range keptSecrets {
		if environ[variable] != "" {
			continue
		}
		if kept[variable] == "" {
			kept[variable], made = config.NewSecret(), true
		}
		decided[variable] = kept[variable]
	}
	if !made {
		return nil
	}
	if err := replaceJSON(path, kept); err != nil {
		return fmt.Errorf("DATA_DIR: %s: %w", secretsName, err)
	}
	return nil
}

// replaceJSON writes v to the file at path. After a kill or a power loss the file is as
// before or as after.
func replaceJSON(path string, v any) error {
	aside := path + ".unfinished"
	if err := writeJSON(aside, v); err != nil {
		return err
	}
	if err := os.Rename(aside, path); err != nil {
		return err
	}
	return sync(filepath.Dir(path))
}
