package sink

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"strings"
)

// pages are the pictures as a reader would wish them: markup, style and script. A page is
// put together into one file.
//
//go:embed page
var pages embed.FS

// render makes the page of that kind of what its script is to draw. The names in data come
// from strangers: they reach the page as JSON, in which no markup is left, and the page
// runs no script but the one that it was made with (Content-Security-Policy).
//
// page.html reads like a template of html/template and is none: that calls methods by name,
// for which the linker keeps every method of the program, two MB of a built tracer.
func render(kind, title string, data any) ([]byte, error) {
	read := func(name string) []byte {
		text, err := pages.ReadFile("page/" + name)
		if err != nil {
			panic(err) // embedded
		}
		return text
	}
	text, err := json.Marshal(data) // <, > and & are escaped
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	script := append(read("page.js"), read(kind+".js")...)
	sum := sha256.Sum256(script)
	policy := "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	page := strings.NewReplacer( // in one pass: what is put in is not looked at
		"{{.Kind}}", html.EscapeString(kind),
		"{{.Title}}", html.EscapeString(title),
		"{{.Policy}}", policy,
		"{{.Body}}", string(read(kind+".html")),
		"{{.Style}}", string(read("page.css"))+string(read(kind+".css")),
		"{{.Script}}", string(script),
		"{{.Data}}", string(text),
	)
	return []byte(page.Replace(string(read("page.html")))), nil
}
