package standalone

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

// secretsIn are those that a platform on the data directory starts with.
func secretsIn(t *testing.T, dataDir string, environ map[string]string) map[string]string {
	t.Helper()
	decided := map[string]string{}
	if err := addSecrets(dataDir, environ, decided); err != nil {
		t.Fatal(err)
	}
	return decided
}

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := secretsIn(t, dir, nil)
	if first["TICKET_KEY"] == first["LINK_KEY"] || len(first) != len(keptSecrets) {
		t.Errorf("the secrets are %v", first)
	}
	for variable, secret := range first {
		if _, err := config.Secrets(variable, []string{secret}, true); err != nil {
			t.Error(err)
		}
	}
	if second := secretsIn(t, dir, nil); !maps.Equal(first, second) {
		t.Errorf("at the second start they are %v, and were %v", second, first)
	}
	files := tree(t, dir)
	if delete(files, "."); len(files) != 1 || files[secretsName] != 0o600 {
		t.Errorf("files %v, want %s for its owner alone", files, secretsName)
	}
	if other := secretsIn(t, t.TempDir(), nil); other["TICKET_KEY"] == first["TICKET_KEY"] {
		t.Error("two platforms have one TICKET_KEY")
	}
}

// With the environment's variable a secret is rotated: the new one and, behind a comma,
// the kept one.
func TestTheEnvironmentsSecretsComeFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got := secretsIn(t, dir, map[string]string{"TICKET_KEY": "mine"})
	if _, decided := got["TICKET_KEY"]; decided || got["LINK_KEY"] == "" {
		t.Errorf("decided are %v", got)
	}
	if kept := secretsIn(t, dir, nil); kept["LINK_KEY"] != got["LINK_KEY"] || kept["TICKET_KEY"] == "" || kept["TICKET_KEY"] == "mine" {
		t.Errorf("without the variable they are %v, and were %v", kept, got)
	}
}

// New secrets would make every code that was issued worthless.
func TestDamagedSecretsEndTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, secretsName), []byte(`{"TICKET_KEY"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := addSecrets(dir, nil, map[string]string{}); err == nil || !strings.Contains(err.Error(), "DATA_DIR: "+secretsName) {
		t.Errorf("error %v", err)
	}
}

func TestABackupHasTheSecrets(t *testing.T) {
	t.Parallel()
	cfg := platformData(t)
	dir, _ := backup(t, cfg)
	there := elsewhere(t)
	if err := Restore(t.Context(), there, dir, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	if was, is := secretsIn(t, cfg.DataDir, nil), secretsIn(t, there.DataDir, nil); !maps.Equal(was, is) {
		t.Errorf("restored are %v of %v", is, was)
	}
}
