package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

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

// precondition is the lines of an If-Match or If-None-Match header. huma has only
// the first of them, and "" both for an empty one and for none.
type precondition []string

func preconditionOf(ctx huma.Context, name string) (p precondition) {
	ctx.EachHeader(func(each, line string) {
		if strings.EqualFold(each, name) {
			p = append(p, line)
		}
	})
	return p
}

// names reports whether an If-None-Match header names tag, by the weak comparison
// of RFC 9110 §8.8.3.2. A header that is no list of tags names none.
func (p precondition) names(tag string) bool {
	tags, anything, ok := p.parse()
	return ok && (anything || slices.ContainsFunc(tags, func(t entityTag) bool { return t.opaque == tag }))
}

// edit returns whether an edit version is one that an If-Match header names, or
// nil where there is no header. A weak tag names none, as RFC 9110 §13.1.1 says.
// The inventory's part of a tag does not count: a sale does not disturb an edit.
func (p precondition) edit() (func(version int64) bool, error) {
	if len(p) == 0 {
		return nil, nil
	}
	tags, anything, ok := p.parse()
	if !ok {
		return nil, problem.Invalid{{Location: "header.If-Match", Message: "must be ETags, each in quotes, or *"}}
	}
	return func(version int64) bool {
		return anything || slices.ContainsFunc(tags, func(t entityTag) bool {
			edit, _, _ := strings.Cut(strings.Trim(t.opaque, `"`), ".")
			return !t.weak && edit == strconv.FormatInt(version, 10)
		})
	}, nil
}

// entityTag is an ETag in a list, with its quotes.
type entityTag struct {
	opaque string
	weak   bool
}

// parse reads all lines as one list (RFC 9110 §5.3), whose elements may be empty;
// or as *, which stands alone. A comma may be part of a tag.
func (p precondition) parse() (tags []entityTag, anything, ok bool) {
	const space = " \t"
	rest := strings.Trim(strings.Join(p, ","), space+",")
	if rest == "*" {
		return nil, true, true
	}
	for rest != "" {
		var t entityTag
		rest, t.weak = strings.CutPrefix(rest, "W/")
		if !strings.HasPrefix(rest, `"`) {
			return nil, false, false
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 || strings.ContainsFunc(rest[1:1+end], func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return nil, false, false
		}
		t.opaque, rest = rest[:end+2], strings.TrimLeft(rest[end+2:], space)
		tags = append(tags, t)
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil, false, false
		}
		rest = strings.TrimLeft(rest, space+",")
	}
	return tags, false, true
}
