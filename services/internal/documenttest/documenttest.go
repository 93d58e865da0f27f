// Package documenttest reads documents as people and doors do: PDF with poppler, QR codes
// with gozxing. pdfcpu says whether a PDF document is valid. It is a module of its own, so
// that no service's build requires them.
package documenttest

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
)

func init() { api.DisableConfigDir() } // pdfcpu would write to the user's folder

// Pages returns the text that is on each page of a PDF document of A4, in one line.
func Pages(t testing.TB, pdf []byte) []string {
	t.Helper()
	text := string(run(t, "pdftotext", "-enc", "UTF-8", "-x", "0", "-y", "0", "-W", "595", "-H", "842", write(t, pdf), "-"))
	pages := strings.Split(strings.TrimSuffix(text, "\f"), "\f")
	for i := range pages {
		pages[i] = strings.Join(strings.Fields(pages[i]), " ")
	}
	return pages
}

// Render returns the pages of a PDF document as a screen shows them.
func Render(t testing.TB, pdf []byte) (pages []image.Image) {
	t.Helper()
	path := write(t, pdf)
	run(t, "pdftoppm", "-r", "100", "-png", path, path)
	files, err := filepath.Glob(path + "-*.png") // in their order: the numbers have one length
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, Image(t, b))
	}
	return pages
}

// Image reads a PNG.
func Image(t testing.TB, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// QR returns what the QR code in img says.
func QR(t testing.TB, img image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		t.Fatalf("no QR code is found: %v", err)
	}
	return result.GetText()
}

// Validate fails t where pdf is no valid PDF document.
func Validate(t testing.TB, pdf []byte) {
	t.Helper()
	if err := api.Validate(bytes.NewReader(pdf), model.NewDefaultConfiguration()); err != nil {
		t.Errorf("it is no valid PDF: %v", err)
	}
}

func write(t testing.TB, pdf []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "document.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program of poppler.
func run(t testing.TB, tool string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(filepath.Join(os.Getenv("TEST_POPPLER"), tool))
	if err != nil {
		t.Fatalf("there is no %s of poppler, which reads PDF documents: TEST_POPPLER=$(.ci/poppler) finds or installs it (%v)", tool, err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...) //nolint:gosec // what .ci/poppler found
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 { // it also says what it does not like
		t.Fatalf("%s: %v\n%s", tool, err, said.String())
	}
	return out
}
