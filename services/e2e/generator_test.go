package e2e

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
)

// generator makes nonsense that is nearly sense.
type generator struct{ *rand.Rand }

// text is some characters, most of them odd.
func (g generator) text() string {
	const odd = "a Z0'\"\\%_<>{}[]&;:=+-\t\n\r\x00\x7fäß夜😀\u200b\u202e\u2028\ufeff\ufffd"
	runes := []rune(odd)
	var b strings.Builder
	for range g.IntN(1 << g.IntN(8)) {
		b.WriteRune(runes[g.IntN(len(runes))])
	}
	return b.String()
}

func (g generator) escaped() string { return url.QueryEscape(g.text()) }

// visible is what may stand in a header.
func (g generator) visible() string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, g.text())
}

// value is any JSON value, of this depth at most.
func (g generator) value(depth int) any {
	switch n := g.IntN(9); {
	case n == 0:
		return nil
	case n == 1:
		return g.IntN(2) == 0
	case n == 2:
		return []float64{0, -1, 0.5, 1e300, -1e300, math.MaxInt64, math.MinInt64, 1 << 53}[g.IntN(8)]
	case n == 3:
		return g.Int64() >> g.IntN(64) * int64(1-2*g.IntN(2))
	case n <= 6 || depth == 0:
		return g.text()
	case n == 7:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(depth-1))
		}
		return list
	default:
		object := obj{}
		for range g.IntN(4) {
			object[g.name()] = g.value(depth - 1)
		}
		return object
	}
}

func (g generator) name() string {
	names := []string{"id", "name", "amount_minor", "currency", "quantity", "ticket_type_id", "token", "city", "__proto__", "", strconv.Itoa(g.IntN(10))}
	return names[g.IntN(len(names))]
}

// mutated is v as JSON, with something else in some places, and now and then
// with some bytes that are wrong.
func (g generator) mutated(v obj) string {
	b, err := json.Marshal(g.mutate(v, 3))
	if err != nil {
		panic(err) // it is made of JSON values
	}
	for g.IntN(4) == 0 && len(b) > 0 {
		b[g.IntN(len(b))] = byte(g.IntN(256))
	}
	return string(b)
}

func (g generator) mutate(v any, depth int) any {
	if g.IntN(6) == 0 {
		return g.value(max(depth, 0))
	}
	switch v := v.(type) {
	case obj:
		out := obj{}
		for name, field := range v {
			if g.IntN(15) > 0 {
				out[name] = g.mutate(field, depth-1)
			}
		}
		if g.IntN(10) == 0 {
			out[g.name()] = g.value(max(depth, 0))
		}
		return out
	case []obj:
		out := []any{}
		for _, x := range v {
			out = append(out, g.mutate(x, depth-1))
		}
		return out
	default:
		return v
	}
}
