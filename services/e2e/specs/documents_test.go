package specs

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the documents from the code")

// contractsDir is where the documents lie.
var contractsDir = filepath.Join("..", "..", "..", "contracts")

// TestDocuments compares contracts/openapi with what the services serve, and
// contracts/asyncapi with the types of the messages.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			compare(t, filepath.Join("openapi", service+".json"), served(t, service))
		})
	}
	t.Run("messages", func(t *testing.T) { compare(t, filepath.Join("asyncapi", "boxoffice.json"), messagesDocument(t)) })
}

// compare fails the test unless the file in contracts holds this JSON; or, with
// -update, writes it.
func compare(t *testing.T, name string, document []byte) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Indent(&want, document, "", "  "); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	name = filepath.Join(contractsDir, name)
	if *update {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; `make specs` writes it", err)
	}
	if diff := cmp.Diff(string(got), want.String()); diff != "" {
		t.Errorf("%s is not what the code says (+); `make specs` writes it anew:\n%s", name, diff)
	}
}
