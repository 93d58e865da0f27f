package standalone

import (
	"bytes"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// The sample events' pictures are drawn here: a few flat shapes in a small palette, by
// the event's category and, so that they are the same everywhere, its title.

const artWidth, artHeight = 1600, 1000

// palettes are each a ground and three colors on it.
var palettes = [][4]color.RGBA{
	{{0x1d, 0x2b, 0x3a, 255}, {0xe4, 0x57, 0x2e, 255}, {0xf3, 0xe9, 0xd8, 255}, {0x5b, 0x8e, 0x9c, 255}},
	{{0xf3, 0xe9, 0xd8, 255}, {0x1d, 0x2b, 0x3a, 255}, {0xe4, 0x57, 0x2e, 255}, {0xe9, 0xb4, 0x4c, 255}},
	{{0x2f, 0x4a, 0x3c, 255}, {0xe9, 0xb4, 0x4c, 255}, {0xf3, 0xe9, 0xd8, 255}, {0xb8, 0x4a, 0x39, 255}},
	{{0xe9, 0xb4, 0x4c, 255}, {0x3b, 0x2a, 0x4d, 255}, {0xf3, 0xe9, 0xd8, 255}, {0xe4, 0x57, 0x2e, 255}},
	{{0x3b, 0x2a, 0x4d, 255}, {0xd9, 0x8a, 0x9b, 255}, {0xf3, 0xe9, 0xd8, 255}, {0xe9, 0xb4, 0x4c, 255}},
}

// shape is how far a point is outside of something flat; less than 0 is inside. The
// picture is 1 high and 1.6 wide.
type shape func(x, y float64) float64

func circle(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

func ring(cx, cy, r, width float64) shape {
	return func(x, y float64) float64 { return math.Abs(math.Hypot(x-cx, y-cy)-r) - width/2 }
}

// box is one of these half sides, turned by an angle.
func box(cx, cy, w, h, angle float64) shape {
	sin, cos := math.Sincos(angle)
	return func(x, y float64) float64 {
		x, y = x-cx, y-cy
		return max(math.Abs(cos*x+sin*y)-w, math.Abs(cos*y-sin*x)-h)
	}
}

// below is what lies under a wave.
func below(level, height, length, phase float64) shape {
	return func(x, y float64) float64 { return level + height*math.Sin(2*math.Pi*(x/length+phase)) - y }
}

// layer is a shape in one of the palette's colors.
type layer struct {
	shape shape
	color int
}

// composition is what a category looks like.
func composition(category string, r *rand.Rand) (layers []layer) {
	add := func(color int, s shape) { layers = append(layers, layer{s, color}) }
	cx, cy := .45+.7*r.Float64(), .4+.2*r.Float64()
	switch category {
	case "music": // a record, and what it plays
		add(1, circle(cx, cy, .36))
		for i := range 3 {
			add(2, ring(cx, cy, .14+.08*float64(i), .012))
		}
		add(2, circle(cx, cy, .06))
		add(3, below(.86, .05, .5+.3*r.Float64(), r.Float64()))
	case "conference": // seats
		for row := range 3 {
			for seat := range 6 {
				color := 1
				if r.IntN(4) == 0 {
					color = 3
				}
				add(color, box(.2+.24*float64(seat), .25+.25*float64(row), .085, .085, 0))
			}
		}
		add(2, circle(.2+.24*float64(r.IntN(6)), .25+.25*float64(r.IntN(3)), .06))
	case "exhibition": // frames on a wall
		for i := range 4 {
			at, high := .22+.37*float64(i), .16+.12*r.Float64()
			add(2, box(at, .45, .15, high+.03, 0))
			add(1+2*(i%2), box(at, .45, .12, high, 0))
		}
		add(3, box(.8, .95, .8, .08, 0))
	case "comedy", "theatre": // a curtain, and who stands in the light
		add(2, circle(.8, 1.1, .66))
		for i := range 3 {
			add(1, box(.06+.13*float64(i), .5, .05, .55, 0))
			add(1, box(1.54-.13*float64(i), .5, .05, .55, 0))
		}
		add(3, circle(.8, .66, .14))
	default: // hills and a sun
		add(1, circle(cx, .38, .2+.08*r.Float64()))
		add(2, below(.68, .06, .9, r.Float64()))
		add(3, below(.8, .05, .7, r.Float64()))
	}
	return layers
}

// art draws the picture of an event, as a JPEG.
func art(category, title string) ([]byte, error) {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(title))            // never fails
	r := rand.New(rand.NewPCG(sum.Sum64(), 1)) //nolint:gosec // the same title has the same picture
	palette := palettes[r.IntN(len(palettes))]
	m := image.NewRGBA(image.Rect(0, 0, artWidth, artHeight))
	for i := 0; i < len(m.Pix); i += 4 {
		copy(m.Pix[i:], []byte{palette[0].R, palette[0].G, palette[0].B, 255})
	}
	for _, l := range composition(category, r) {
		c := [3]float64{float64(palette[l.color].R), float64(palette[l.color].G), float64(palette[l.color].B)}
		for y := range artHeight {
			for x := range artWidth {
				// A pixel at the edge is partly covered.
				covered := .5 - artHeight*l.shape((float64(x)+.5)/artHeight, (float64(y)+.5)/artHeight)
				if covered <= 0 {
					continue
				}
				covered = min(covered, 1)
				pix := m.Pix[m.PixOffset(x, y):]
				for i, v := range c {
					was := float64(pix[i])
					pix[i] = uint8(was + covered*(v-was))
				}
			}
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 92})
	return b.Bytes(), err
}
