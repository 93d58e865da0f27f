// Package poster draws a poster for events that have no picture: a few flat
// shapes in a small palette. The category chooses the motif, the id everything
// else, and so an event has the same poster everywhere.
package poster

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"strings"
)

// Width and Height are the proportions of a poster.
const (
	Width  = 300
	Height = 400
)

// palette is ground, two colors and an accent. Each is told apart from the ground by
// its lightness, too.
type palette [4]string

var palettes = []palette{
	{"#f2e3c9", "#c8401f", "#23395b", "#e9a23b"},
	{"#1f2a44", "#f08a4b", "#f2e3c9", "#7fb7a6"},
	{"#d9563a", "#f7e6cf", "#2b1d2f", "#f3b54a"},
	{"#e9d8b4", "#2f5d50", "#d9563a", "#1f2a44"},
	{"#2f4a43", "#f0c987", "#e4572e", "#f4ead5"},
	{"#f0c26b", "#7a2e2e", "#20344f", "#fff3dc"},
	{"#3b2338", "#ef9a6c", "#f6e7d2", "#c8401f"},
	{"#dfe3d6", "#34506b", "#cc4b26", "#efb84f"},
}

// motif draws on a ground that is filled already.
type motif func(b *strings.Builder, p palette, d *dice)

var motifs = map[string]motif{
	"music":      rings,
	"conference": columns,
	"comedy":     zigzag,
	"community":  circles,
	"workshop":   leaves,
	"theatre":    curtain,
	"sports":     stripes,
	"film":       beams,
	"exhibition": tiles,
}

// others are for categories that have no motif of their own.
var others = []motif{rings, columns, zigzag, circles, leaves, curtain, stripes, beams, tiles}

// SVG returns the poster of an event as an svg element without a title: the event's
// own stands beside it.
func SVG(id, category string) string {
	d := &dice{rest: sha256.Sum256([]byte(id))}
	category = strings.ToLower(strings.TrimSpace(category))
	draw, known := motifs[category]
	if !known {
		h := fnv.New32a()
		_, _ = h.Write([]byte(category)) // never fails
		draw = others[h.Sum32()%uint32(len(others))]
	}
	p := palettes[d.below(len(palettes))]
	if d.below(2) == 1 {
		p[1], p[2] = p[2], p[1]
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="poster" viewBox="0 0 %d %d" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false"><path fill="%s" d="M0 0h%dv%dH0z"/>`,
		Width, Height, p[0], Width, Height)
	draw(&b, p, d)
	b.WriteString("</svg>")
	return b.String()
}

// dice are the numbers that an id gives. They begin anew when they are used up.
type dice struct {
	rest [sha256.Size]byte
	next int
}

func (d *dice) below(n int) int {
	v := int(d.rest[d.next%len(d.rest)])
	d.next++
	return v % n
}

func circle(b *strings.Builder, x, y, r int, fill string) {
	fmt.Fprintf(b, `<circle cx="%d" cy="%d" r="%d" fill="%s"/>`, x, y, r, fill)
}

func path(b *strings.Builder, fill, format string, a ...any) {
	fmt.Fprintf(b, `<path fill="%s" d="%s"/>`, fill, fmt.Sprintf(format, a...))
}

// rings are sound that spreads from one side.
func rings(b *strings.Builder, p palette, d *dice) {
	x, y := []int{0, 150, 300}[d.below(3)], 120+20*d.below(9)
	step := 34 + 4*d.below(4)
	for n := 6; n > 0; n-- {
		circle(b, x, y, n*step, []string{p[1], p[0], p[2], p[0]}[n%4])
	}
	circle(b, x, y, step/2, p[3])
}

// columns are a panel of speakers.
func columns(b *strings.Builder, p palette, d *dice) {
	for n := range 5 {
		h := 90 + 26*d.below(8)
		path(b, []string{p[1], p[2]}[n%2], "M%d 400v-%da24 24 0 0 1 48 0v%dz", 6+n*60, h, h)
		circle(b, 30+n*60, 400-h-62, 18, []string{p[3], p[1], p[2]}[d.below(3)])
	}
}

// zigzag is a laugh.
func zigzag(b *strings.Builder, p palette, d *dice) {
	y, h := 90+10*d.below(6), 60+10*d.below(4)
	for n := range 3 {
		path(b, []string{p[1], p[2], p[3]}[n], "M0 %dl50 -%d 50 %d 50 -%d 50 %d 50 -%d 50 %dv46l-50 -%d -50 %d -50 -%d -50 %d -50 -%d -50 %dz",
			y+n*90, h, h, h, h, h, h, h, h, h, h, h, h)
	}
}

// circles are people who stand together.
func circles(b *strings.Builder, p palette, d *dice) {
	for n := range 7 {
		circle(b, 20+d.below(14)*20, 40+n*54, 34+6*d.below(7), []string{p[1], p[2], p[3]}[n%3])
	}
}

// leaves are what grows under one's hands.
func leaves(b *strings.Builder, p palette, d *dice) {
	for n := range 4 {
		y := 390 - n*92
		path(b, p[1+(n+d.below(2))%3], "M150 %dq0 -90 -%d -96q-6 92 %d 96z", y, 104+d.below(30), 104)
		path(b, p[1+(n+1)%3], "M150 %dq0 -90 %d -96q6 92 -%d 96z", y-44, 104+d.below(30), 104)
	}
	path(b, p[2], "M146 400V40h8v360z")
}

// curtain opens on a stage.
func curtain(b *strings.Builder, p palette, d *dice) {
	circle(b, 150, 250+10*d.below(5), 84+4*d.below(5), p[3])
	w := 52 + 6*d.below(5)
	for n := range 2 {
		fill := []string{p[1], p[2]}[n]
		path(b, fill, "M%d 0h%dq0 260 -%d 400h-%dz", n*w/2, w, w-n*20, w/2)
		path(b, fill, "M%d 0h-%dq0 260 %d 400h%dz", 300-n*w/2, w, w-n*20, w/2)
	}
	path(b, p[1], "M0 0h300v40q-25 34 -50 0q-25 34 -50 0q-25 34 -50 0q-25 34 -50 0q-25 34 -50 0q-25 34 -50 0z")
}

// stripes are lanes.
func stripes(b *strings.Builder, p palette, d *dice) {
	lean := 60 + 20*d.below(6)
	for n := range 5 {
		x := -120 + n*96
		path(b, []string{p[1], p[2], p[3]}[(n+d.below(2))%3], "M%d 400l%d -400h44l-%d 400z", x, lean, lean)
	}
	circle(b, 60+20*d.below(10), 90+10*d.below(8), 44, p[3])
}

// beams are light that falls on a screen.
func beams(b *strings.Builder, p palette, d *dice) {
	x := 40 + 20*d.below(12)
	for n := range 4 {
		path(b, []string{p[1], p[2]}[n%2], "M%d 40L%d 400h52z", x, -10+n*84)
	}
	circle(b, x, 52, 34, p[3])
}

// tiles are works that hang side by side.
func tiles(b *strings.Builder, p palette, d *dice) {
	for y := range 4 {
		for x := range 3 {
			fill := []string{p[1], p[2], p[3], p[1]}[d.below(4)]
			left, top := x*100, y*100
			switch d.below(4) {
			case 0:
				path(b, fill, "M%d %dh100a100 100 0 0 1 -100 100z", left, top)
			case 1:
				path(b, fill, "M%d %dv100h-100a100 100 0 0 1 100 -100z", left+100, top)
			case 2:
				circle(b, left+50, top+50, 42, fill)
			}
		}
	}
}
