package sink

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"sync"
)

// pages are the pictures as a reader would wish them: markup, style and script. A page is
// put together into one file.
//
//go:embed page
var pages embed.FS

var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(pages, "page/page.html")) })

// page is what page.html gets.
type page struct {
	Kind, Title  string
	Body         template.HTML
	Style        template.CSS
	Script, Data template.JS
	Hash         template.HTMLAttr
}

// render makes the page of that kind of what its script is to draw. The names in data come
// from strangers: they reach the page as JSON, in which no markup is left, and the page
// runs no script but the one that it was made with (Content-Security-Policy).
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
	var out bytes.Buffer
	err = pageTemplate().Execute(&out, page{
		Kind: kind, Title: title,
		Body:   template.HTML(read(kind + ".html")),
		Style:  template.CSS(append(read("page.css"), read(kind+".css")...)),
		Script: template.JS(script),
		Data:   template.JS(text),
		Hash:   template.HTMLAttr(`content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `'"`),
	})
	return out.Bytes(), err
}
