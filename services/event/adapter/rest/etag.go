package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// etag is the ETag of an event: "<edit version>.<inventory version>". Once the sale of
// a ticket type has begun or ended by the clock, a number follows that grows with each.
func etag(e *event.Event, now time.Time) string {
	tag := strconv.FormatInt(e.Version, 10) + "." + strconv.FormatInt(e.Inventory, 10)
	if phase := e.SalesPhase(now); phase > 0 {
		tag += "." + strconv.Itoa(phase)
	}
	return `"` + tag + `"`
}

// fieldLines is the lines of an If-Match or If-None-Match header. huma has only the
// first of them, and "" both for an empty one and for none.
type fieldLines []string

func fieldLinesOf(ctx huma.Context, name string) (lines fieldLines) {
	ctx.EachHeader(func(each, line string) {
		if strings.EqualFold(each, name) {
			lines = append(lines, line)
		}
	})
	return lines
}

// preconditions are a request's If-Match and If-None-Match headers.
type preconditions struct {
	match, noneMatch fieldLines
}

func preconditionsOf(ctx huma.Context) preconditions {
	return preconditions{fieldLinesOf(ctx, "If-Match"), fieldLinesOf(ctx, "If-None-Match")}
}

// read returns the status of an answer that has this ETag: 200, or 304 where an
// If-None-Match header names it. It is event.ErrStale where an If-Match header does
// not. If-None-Match takes the weak comparison of RFC 9110 §8.8.3.2, and If-Match the
// strong one. An If-None-Match header that is no list of tags names none.
func (p preconditions) read(tag string) (status int, err error) {
	if len(p.match) > 0 {
		tags, anything, ok := p.match.parse()
		if !ok {
			return 0, notTags("If-Match")
		}
		if !anything && !slices.Contains(tags, entityTag{opaque: tag}) {
			return 0, event.ErrStale
		}
	}
	tags, anything, ok := p.noneMatch.parse()
	if ok && (anything || slices.ContainsFunc(tags, func(t entityTag) bool { return t.opaque == tag })) {
		return http.StatusNotModified, nil
	}
	return http.StatusOK, nil
}

// change returns whether the preconditions hold for an edit version: an If-Match
// header names it, and an If-None-Match header does not. It is nil where there is
// neither header. The comparisons are those of read, except that the inventory's part
// of a tag does not count: a sale does not disturb an edit. A change is not made on
// a condition that cannot be read.
func (p preconditions) change() (func(version int64) bool, error) {
	if len(p.match) == 0 && len(p.noneMatch) == 0 {
		return nil, nil
	}
	match, anyMatch, ok := p.match.parse()
	if !ok {
		return nil, notTags("If-Match")
	}
	anyMatch = anyMatch || len(p.match) == 0
	noneMatch, anyNoneMatch, ok := p.noneMatch.parse()
	if !ok {
		return nil, notTags("If-None-Match")
	}
	return func(version int64) bool {
		named := anyMatch || slices.ContainsFunc(match, func(t entityTag) bool { return !t.weak && t.edits(version) })
		excluded := anyNoneMatch || slices.ContainsFunc(noneMatch, func(t entityTag) bool { return t.edits(version) })
		return named && !excluded
	}, nil
}

func notTags(header string) error {
	return httpkit.Invalid(problem.Field{Location: "header." + header, Message: "must be ETags, each in quotes, or *"})
}

// entityTag is an ETag in a list, with its quotes.
type entityTag struct {
	opaque string
	weak   bool
}

// edits reports whether the tag is one of an event with this edit version.
func (t entityTag) edits(version int64) bool {
	edit, _, _ := strings.Cut(strings.Trim(t.opaque, `"`), ".")
	return edit == strconv.FormatInt(version, 10)
}

// parse reads all lines as one list (RFC 9110 §5.3), whose elements may be empty;
// or as *, which stands alone. Without a line the list is empty. A comma may be part of a tag.
func (l fieldLines) parse() (tags []entityTag, anything, ok bool) {
	const space = " \t"
	rest := strings.Trim(strings.Join(l, ","), space+",")
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
