package eventtest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
)

// Quarters is an image of four colors, by which its sides can be told: red, green, blue
// and yellow, clockwise from the top left.
func Quarters(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			i := 0
			switch {
			case 2*x >= w && 2*y >= h:
				i = 2
			case 2*x >= w:
				i = 1
			case 2*y >= h:
				i = 3
			}
			m.SetNRGBA(x, y, quarters[i])
		}
	}
	return m
}

var quarters = [4]color.NRGBA{{R: 220, A: 255}, {G: 220, A: 255}, {B: 220, A: 255}, {R: 220, G: 220, A: 255}}

// Noise is an image that can hardly be compressed.
func Noise(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	state := uint32(1)
	for i := range m.Pix {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		if m.Pix[i] = byte(state); i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

// PNG encodes m.
func PNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// JPEG encodes m.
func JPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// EXIF is data that say how an image lies, and where it was taken.
func EXIF(orientation int) []byte {
	b := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02")
	b = append(b, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0) // Orientation
	b = append(b, 0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0)    // GPSInfo
	return append(b, "GPS 52.5200 N 13.4050 E"...)
}

// WithSegment is a JPEG with another segment of an application.
func WithSegment(jpeg []byte, marker byte, payload []byte) []byte {
	out := append([]byte{}, jpeg[:2]...)
	out = append(out, 0xff, marker)
	out = binary.BigEndian.AppendUint16(out, uint16(len(payload)+2))
	return append(append(out, payload...), jpeg[2:]...)
}

// WithChunk is a PNG with another chunk before its pixels.
func WithChunk(png []byte, kind string, data []byte) []byte {
	const header = 8 + 25 // the signature and IHDR
	return append(append(append([]byte{}, png[:header]...), pngChunk(kind, data)...), png[header:]...)
}

func pngChunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// HeaderOfPNG is a PNG of which nothing but the size is there, and this many bytes.
func HeaderOfPNG(w, h uint32, more int) []byte {
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	b := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(size, 8, 2, 0, 0, 0))...)
	return append(b, pngChunk("IDAT", make([]byte, more))...)
}

// InterlacedPNG is a gray one.
func InterlacedPNG(w, h int, gray byte) []byte {
	var rows bytes.Buffer
	z := zlib.NewWriter(&rows)
	for _, pass := range [7][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		columns := (w - pass[0] + pass[2] - 1) / pass[2]
		for y := pass[1]; y < h; y += pass[3] {
			_, _ = z.Write(append([]byte{0}, bytes.Repeat([]byte{gray}, columns)...))
		}
	}
	_ = z.Close()
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	b := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(size, 8, 0, 0, 0, 1))...)
	return append(append(b, pngChunk("IDAT", rows.Bytes())...), pngChunk("IEND", nil)...)
}

// FlatPNG is a transparent one of 16 bits a channel.
func FlatPNG(w, h int) []byte {
	var rows bytes.Buffer
	z, err := zlib.NewWriterLevel(&rows, zlib.BestSpeed)
	if err != nil {
		panic(err) // the level is one
	}
	for range h {
		_, _ = z.Write(make([]byte, 1+8*w))
	}
	_ = z.Close()
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	b := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(size, 16, 6, 0, 0, 0))...)
	return append(append(b, pngChunk("IDAT", rows.Bytes())...), pngChunk("IEND", nil)...)
}

// FlatJPEG is one in which every sample is 128, of 1, 3 or 4 components.
func FlatJPEG(w, h, components int, progressive bool) []byte {
	b := []byte{0xff, 0xd8}
	segment := func(marker byte, payload ...byte) {
		b = append(b, 0xff, marker)
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)+2))
		b = append(b, payload...)
	}
	if components == 4 {
		segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...) // which says that it is CMYK
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(components)}
	scan := []byte{byte(components)}
	for c := 1; c <= components; c++ {
		frame, scan = append(frame, byte(c), 0x11, 0), append(scan, byte(c), 0)
	}
	sof, last, bits := byte(0xc0), byte(63), 2
	if progressive {
		sof, last, bits = 0xc2, 0, 1 // of the first coefficients alone
	}
	segment(sof, frame...)
	for _, class := range []byte{0x00, 0x10} { // one code, which is 0, for nothing
		segment(0xc4, append(append([]byte{class, 1}, make([]byte, 15)...), 0)...)
	}
	segment(0xda, append(scan, 0, last, 0)...)
	blocks := (w + 7) / 8 * ((h + 7) / 8) * components
	b = append(b, make([]byte, (blocks*bits+7)/8)...)
	return append(b, 0xff, 0xd9)
}

// FlatWebP is a lossless one of a single color.
func FlatWebP(w, h int, c color.NRGBA) []byte { return riff(webpChunk("VP8L", flatVP8L(w, h, c))) }

// AnimatedWebP is one of two frames.
func AnimatedWebP(w, h int) []byte {
	size := func(n int) []byte { return []byte{byte(n - 1), byte((n - 1) >> 8), byte((n - 1) >> 16)} }
	extended := append(append([]byte{2, 0, 0, 0}, size(w)...), size(h)...)
	frame := append(append(append(make([]byte, 6), size(w)...), size(h)...), 100, 0, 0, 0)
	frame = append(frame, webpChunk("VP8L", flatVP8L(w, h, color.NRGBA{R: 9, A: 255}))...)
	return riff(webpChunk("VP8X", extended), webpChunk("ANIM", make([]byte, 6)), webpChunk("ANMF", frame), webpChunk("ANMF", frame))
}

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func webpChunk(kind string, data []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(data))), data...)
	if len(data)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func flatVP8L(w, h int, c color.NRGBA) []byte {
	b := []byte{0x2f}
	var acc uint64
	var n uint
	bits := func(v uint64, count uint) {
		acc |= v << n
		for n += count; n >= 8; n -= 8 {
			b = append(b, byte(acc))
			acc >>= 8
		}
	}
	bits(uint64(w-1), 14)
	bits(uint64(h-1), 14)
	bits(1, 1) // alpha is used
	bits(0, 3) // the version
	bits(0, 3) // no transform, no color cache, one group of codes
	for _, v := range []byte{c.G, c.R, c.B, c.A} {
		bits(1, 1) // a simple code
		bits(0, 1) // of one symbol
		bits(1, 1) // which has 8 bits
		bits(uint64(v), 8)
	}
	bits(1, 1)
	bits(0, 2) // of distances, with a symbol of one bit
	bits(0, 1)
	bits(0, 16) // the last byte, and some more
	return b
}
