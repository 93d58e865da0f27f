package specs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/flatten/allof"
	"github.com/oasdiff/oasdiff/load"
)

// TestCompatible compares the documents with those of the last release, which
// contracts/released holds.
func TestCompatible(t *testing.T) {
	t.Parallel()
	breaks, err := incompatible(contractsDir)
	if err != nil {
		t.Fatalf("there is no release to compare with: %v", err)
	}
	for _, b := range breaks {
		t.Error(b)
	}
}

// incompatible lists what clients of the last release cannot live with. A
// document may break them where its major version has grown.
func incompatible(contracts string) ([]string, error) {
	r, err := readRelease(contracts)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		if path.Dir(name) == "pacts" {
			continue // the providers' tests verify them
		}
		now, err := os.ReadFile(filepath.Join(contracts, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		if major(now) > major(r.files[name]) {
			continue
		}
		breaks, err := breaking(r.files[name], now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, b := range breaks {
			found = append(found, fmt.Sprintf("%s, against %s: %s", name, r.version, b))
		}
	}
	return found, nil
}

// version is what a document says of itself.
func version(document []byte) string {
	var d struct{ Info struct{ Version string } }
	if json.Unmarshal(document, &d) != nil {
		return ""
	}
	return d.Info.Version
}

// major is the first number of a document's version, or 0.
func major(document []byte) (n int) {
	_, _ = fmt.Sscanf(version(document), "%d.", &n)
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
