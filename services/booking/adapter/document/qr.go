package document

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"sync"

	goqr "github.com/piglig/go-qr"
)

const (
	// qrVersion is that of 37 × 37 modules, in which 122 characters of the alphanumeric
	// mode fit at level M. A ticket's code has 120.
	qrVersion = 5
	// quiet is the margin around a QR code that readers need, in modules.
	quiet = 4
	// pngScale is how many pixels a module has in a PNG: it fills a phone's screen.
	pngScale = 8
)

// modules is a QR code: rows of modules, of which true is dark.
type modules [][]bool

// qrOf returns the QR code of a ticket's code.
func qrOf(code string) (modules, error) {
	if code == "" {
		return nil, fmt.Errorf("there is no code")
	}
	segment, err := goqr.MakeAlphanumeric(code)
	if err != nil {
		return nil, fmt.Errorf("a code for a QR code: %w", err)
	}
	qr, err := goqr.EncodeSegments([]*goqr.QrSegment{segment}, goqr.Medium, qrVersion, qrVersion, -1, false)
	if err != nil {
		return nil, fmt.Errorf("a code for a QR code: %w", err)
	}
	m := make(modules, qr.Size())
	for y := range m {
		m[y] = make([]bool, qr.Size())
		for x := range m[y] {
			m[y][x] = qr.Module(x, y)
		}
	}
	return m, nil
}

// size is the number of modules of a side, with the margin.
func (m modules) size() int { return len(m) + 2*quiet }

// runs calls dark for each row's stretches of dark modules, with the margin counted in.
func (m modules) runs(dark func(x, y, length int)) {
	for y, row := range m {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				dark(from+quiet, y+quiet, x-from)
			}
		}
	}
}

func (m modules) png() ([]byte, error) {
	side := m.size() * pngScale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	m.runs(func(x, y, length int) {
		for row := y * pngScale; row < (y+1)*pngScale; row++ {
			for column := x * pngScale; column < (x+length)*pngScale; column++ {
				img.Pix[row*img.Stride+column] = 1
			}
		}
	})
	var out bytes.Buffer
	err := pngs.Encode(&out, img)
	return out.Bytes(), err
}

// pngs writes PNGs. Without a pool most of their cost is memory: BenchmarkQRPNG.
var pngs = png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: &pngBuffers{}}

type pngBuffers struct{ sync.Pool }

func (p *pngBuffers) Get() *png.EncoderBuffer {
	b, _ := p.Pool.Get().(*png.EncoderBuffer)
	return b
}

func (p *pngBuffers) Put(b *png.EncoderBuffer) { p.Pool.Put(b) }

func (m modules) svg() []byte {
	var path strings.Builder
	m.runs(func(x, y, length int) { fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, length, length) })
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`+"\n", m.size(), m.size(), m.size(), m.size(), path.String())
}
