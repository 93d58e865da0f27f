package imaging

import (
	"bytes"
	"encoding/binary"
)

// orientation is how an image lies, by its EXIF data: 1, where they do not say, to 8.
func orientation(mediaType string, b []byte) int {
	var exif []byte
	switch mediaType {
	case "image/jpeg":
		exif = exifOfJPEG(b)
	case "image/png":
		exif = exifOfPNG(b)
	case "image/webp":
		exif = exifOfWebP(b)
	}
	return orientationOf(bytes.TrimPrefix(exif, exifHeader))
}

var exifHeader = []byte("Exif\x00\x00")

// exifOfJPEG returns what the first APP1 segment with EXIF data has.
func exifOfJPEG(b []byte) []byte {
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		marker, length := b[i+1], int(binary.BigEndian.Uint16(b[i+2:]))
		if marker == 0xda || length < 2 || i+2+length > len(b) { // what follows is pixels
			return nil
		}
		if payload := b[i+4 : i+2+length]; marker == 0xe1 && bytes.HasPrefix(payload, exifHeader) {
			return payload
		}
		i += 2 + length
	}
	return nil
}

func exifOfPNG(b []byte) []byte {
	for i := 8; i+8 <= len(b); {
		length, kind := binary.BigEndian.Uint32(b[i:]), string(b[i+4:i+8])
		rest := b[i+8:]
		if uint64(length)+4 > uint64(len(rest)) || kind == "IEND" {
			return nil
		}
		if kind == "eXIf" {
			return rest[:length]
		}
		i += 12 + int(length)
	}
	return nil
}

func exifOfWebP(b []byte) []byte {
	for i := 12; i+8 <= len(b); {
		kind, length := string(b[i:i+4]), binary.LittleEndian.Uint32(b[i+4:])
		rest := b[i+8:]
		if uint64(length) > uint64(len(rest)) {
			return nil
		}
		if kind == "EXIF" {
			return rest[:length]
		}
		i += 8 + int(length) + int(length)%2
	}
	return nil
}

// orientationOf reads the tag of the first directory of a TIFF structure.
func orientationOf(tiff []byte) int {
	const tag, short, entry = 0x0112, 3, 12
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	entries := int(order.Uint16(tiff[at:]))
	for rest := tiff[at+2:]; entries > 0 && len(rest) >= entry; entries, rest = entries-1, rest[entry:] {
		if order.Uint16(rest) != tag || order.Uint16(rest[2:]) != short {
			continue
		}
		if n := int(order.Uint16(rest[8:])); n >= 1 && n <= 8 {
			return n
		}
		return 1
	}
	return 1
}
