package rest

import (
	"strconv"
	"strings"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
)

// etag is the ETag of an event: "<edit version>.<inventory version>".
func etag(e *event.Event) string {
	return `"` + versions(e) + `"`
}

// availabilityTag also changes when sales close because the event starts.
func availabilityTag(e *event.Event, open bool) string {
	return `"` + versions(e) + "." + strconv.FormatBool(open) + `"`
}

func versions(e *event.Event) string {
	return strconv.FormatInt(e.Version, 10) + "." + strconv.FormatInt(e.Inventory, 10)
}

// sameTag reports whether an If-None-Match header names tag. A header that is
// no list of tags names none.
func sameTag(header, tag string) bool {
	tags, ok := parseTags(header)
	for _, t := range tags {
		if ok && (t == "*" || t == tag) {
			return true
		}
	}
	return false
}

// ifMatch returns whether an edit version is one that an If-Match header
// names, or nil where there is no header. The inventory's part does not count:
// a sale does not disturb an edit.
func ifMatch(header string) (func(version int64) bool, error) {
	if header == "" {
		return nil, nil
	}
	tags, ok := parseTags(header)
	if !ok {
		return nil, problem.Invalid{{Location: "header.If-Match", Message: "must be ETags, each in quotes, or *"}}
	}
	return func(version int64) bool {
		for _, t := range tags {
			edit, _, _ := strings.Cut(strings.Trim(t, `"`), ".")
			if t == "*" || edit == strconv.FormatInt(version, 10) {
				return true
			}
		}
		return false
	}, nil
}

// parseTags reads a list of ETags, quotes included, weak ones as strong ones,
// or *.
func parseTags(header string) (tags []string, ok bool) {
	if strings.TrimSpace(header) == "*" {
		return []string{"*"}, true
	}
	for s := range strings.SplitSeq(header, ",") {
		s = strings.TrimPrefix(strings.TrimSpace(s), "W/")
		if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || strings.Contains(s[1:len(s)-1], `"`) {
			return nil, false
		}
		tags = append(tags, s)
	}
	return tags, true
}
