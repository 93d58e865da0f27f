package specs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/flatten/allof"
	"github.com/oasdiff/oasdiff/load"
)

// TestCompatible compares the documents with those of the last release, the
// last tag v* before this commit. Clients of that release go on working, unless
// the document's major version has grown.
func TestCompatible(t *testing.T) {
	t.Parallel()
	release, err := git("describe", "--tags", "--abbrev=0", "--match=v[0-9]*")
	if err != nil {
		t.Logf("there is no release to compare with: %v", err)
		return
	}
	tag := strings.TrimSpace(release)
	names := []string{filepath.Join("asyncapi", "boxoffice.json")}
	for _, service := range services {
		names = append(names, filepath.Join("openapi", service+".json"))
	}
	for _, name := range names {
		before, err := git("show", tag+":contracts/"+filepath.ToSlash(name))
		if err != nil {
			t.Logf("%s has no %s to compare with", tag, name)
			continue
		}
		now, err := os.ReadFile(filepath.Join(contractsDir, name))
		if err != nil {
			t.Fatal(err)
		}
		breaks, err := breaking([]byte(before), now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, b := range breaks {
			if major(now) > major([]byte(before)) {
				t.Logf("%s, against %s, which its version allows: %s", name, tag, b)
				continue
			}
			t.Errorf("%s, against %s: %s", name, tag, b)
		}
		t.Logf("%s is compared with %s", name, tag)
	}
}

// git returns what a command says about this repository; an error where it is
// none, for example because it was unpacked from an archive.
func git(args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = contractsDir
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output does not wrap it
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

// major is the first number of a document's version.
func major(document []byte) (n int) {
	var d struct{ Info struct{ Version string } }
	if json.Unmarshal(document, &d) == nil {
		_, _ = fmt.Sscanf(d.Info.Version, "%d.", &n) // what is none is 0
	}
	return n
}

// severities are where our judgement is not oasdiff's. A new value in an answer
// breaks nobody who was told to expect some, and else no refusal could ever be
// added; one that is gone is a promise broken, if a client waits for it. Who
// sends a field that is gone is refused, and a parameter that is gone is ignored.
var severities = map[string]checker.Level{
	checker.RequestPropertyRemovedId:            checker.ERR,
	checker.RequestParameterRemovedId:           checker.ERR,
	checker.ResponsePropertyEnumValueAddedId:    checker.INFO,
	checker.ResponseMediaTypeEnumValueAddedId:   checker.INFO,
	checker.ResponsePropertyEnumValueRemovedId:  checker.ERR,
	checker.ResponseMediaTypeEnumValueRemovedId: checker.ERR,
}

// breaking lists what a client of before cannot live with.
func breaking(before, now []byte) ([]string, error) {
	var specs [2]*load.SpecInfo
	for i, document := range [][]byte{before, now} {
		document, err := asOpenAPI(document)
		if err != nil {
			return nil, err
		}
		spec, err := openapi3.NewLoader().LoadFromData(document)
		if err == nil {
			spec, err = allof.MergeSpec(spec) // the codes of a refusal stand in one
		}
		if err != nil {
			return nil, err
		}
		specs[i] = &load.SpecInfo{Spec: spec, Version: spec.Info.Version}
	}
	difference, sources, err := diff.GetPathsDiff(diff.NewConfig(), specs[:1], specs[1:])
	if err != nil {
		return nil, err
	}
	config := checker.NewConfig(checker.GetAllChecks(), checker.WithSeverityLevels(severities))
	var found []string
	for _, c := range checker.CheckBackwardCompatibilityUntilLevel(config, difference, sources, checker.ERR) {
		found = append(found, c.SingleLineError(checker.NewDefaultLocalizer(), checker.ColorNever))
	}
	return found, nil
}

// asOpenAPI makes an AsyncAPI document one that the same tool compares: what
// a consumer gets in a message is an answer. Other documents stay.
func asOpenAPI(document []byte) ([]byte, error) {
	var d map[string]any
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	if d["asyncapi"] == nil {
		return document, nil
	}
	type object = map[string]any
	paths := object{}
	for channel, c := range at(d, "channels") {
		for name := range at(c.(object), "messages") {
			paths["/"+channel+"/"+name] = object{"get": object{"responses": object{"200": object{
				"description": "", "content": object{"application/json": object{"schema": at(d, "components", "messages", name)["payload"]}},
			}}}}
		}
	}
	return json.Marshal(object{
		"openapi": "3.1.0", "info": d["info"], "paths": paths, "components": object{"schemas": at(d, "components")["schemas"]},
	})
}
