package html

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"mime"
	"net/http"
	"path"

	"github.com/go-chi/chi/v5"
)

//go:embed assets/*
var assetFiles embed.FS

type asset struct {
	data              []byte
	hash, contentType string
}

// assets are the style sheet, the scripts and the icon, by name.
var assets = func() map[string]asset {
	all := map[string]asset{}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, e := range entries {
		data, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		kind := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(e.Name())]
		if kind == "" {
			kind = mime.TypeByExtension(path.Ext(e.Name()))
		}
		all[e.Name()] = asset{data, hex.EncodeToString(sum[:8]), kind}
	}
	return all
}()

// assetPath is where an asset lies. It changes with it, and so it may be kept for ever.
func assetPath(name string) string { return "/assets/" + assets[name].hash + "/" + name }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, known := assets[chi.URLParam(r, "name")]
	if !known || chi.URLParam(r, "hash") != a.hash {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	a.write(w)
}

func serveIcon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	assets["icon.svg"].write(w)
}

func (a asset) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(a.data) // the browser may be gone
}

func serveRobots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /b/\nDisallow: /checkout/\nDisallow: /account\n"))
}

// pages are the templates of one language, each with the layout.
type pages map[string]*template.Template

func parsePages(l wording) (pages, error) {
	base, err := template.New("layout").Funcs(l.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	all := pages{}
	for _, e := range entries {
		name := e.Name()[:len(e.Name())-len(".html")]
		if name == "layout" || name == "parts" {
			continue
		}
		own, err := base.Clone()
		if err == nil {
			own, err = own.ParseFS(templateFiles, "templates/"+e.Name())
		}
		if err != nil {
			return nil, err
		}
		all[name] = own
	}
	return all, nil
}
