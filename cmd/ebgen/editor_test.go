package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebgen/ebgen/specs"
)

// languageServer is the program that editors ask about YAML. EBGEN_EDITOR says where it is,
// and that it has to be there (make test-editor).
func languageServer(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("EBGEN_EDITOR"); path != "" {
		return path
	}
	path, err := exec.LookPath("yaml-language-server")
	if err != nil {
		t.Skip("yaml-language-server is not installed: make test-editor brings it")
	}
	return path
}

// editor speaks the Language Server Protocol (3.17) with a server.
type editor struct {
	t        *testing.T
	in       io.Writer
	messages chan map[string]any
	id       int
}

func startEditor(t *testing.T) *editor {
	cmd := exec.Command(languageServer(t), "--stdio")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &editor{t: t, in: in, messages: make(chan map[string]any)}
	done := make(chan struct{})
	go e.read(bufio.NewReader(out), done)
	t.Cleanup(func() {
		close(done)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return e
}

// read passes the server's messages on until it ends.
func (e *editor) read(r *bufio.Reader, done chan struct{}) {
	defer close(e.messages)
	for {
		header, err := textproto.NewReader(r).ReadMIMEHeader()
		if err != nil {
			return
		}
		size, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		var message map[string]any
		if json.Unmarshal(body, &message) != nil {
			return
		}
		select {
		case e.messages <- message:
		case <-done:
			return
		}
	}
}

func (e *editor) send(message map[string]any) {
	e.t.Helper()
	message["jsonrpc"] = "2.0"
	body, err := json.Marshal(message)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		e.t.Fatal(err)
	}
}

// serverPatience bounds the wait for an answer that never comes.
const serverPatience = time.Minute

// until waits for a message, and meanwhile answers what the server asks.
func (e *editor) until(wanted func(map[string]any) bool) map[string]any {
	e.t.Helper()
	deadline := time.After(serverPatience)
	for {
		select {
		case m, ok := <-e.messages:
			switch {
			case !ok:
				e.t.Fatal("the server has ended")
			case wanted(m):
				return m
			case m["method"] != nil && m["id"] != nil:
				e.send(map[string]any{"id": m["id"], "result": []any{nil}})
			}
		case <-deadline:
			e.t.Fatal("no answer of the server")
		}
	}
}

func (e *editor) call(method string, params any) any {
	e.t.Helper()
	e.id++
	id := e.id
	e.send(map[string]any{"id": id, "method": method, "params": params})
	m := e.until(func(m map[string]any) bool { return m["method"] == nil && m["id"] == float64(id) })
	if m["error"] != nil {
		e.t.Fatalf("%s: %v", method, m["error"])
	}
	return m["result"]
}

// open shows the server a file and returns the messages of what it complains of.
func (e *editor) open(uri, text string) (complaints []string) {
	e.t.Helper()
	e.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{
		"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text}}})
	m := e.until(func(m map[string]any) bool {
		params, _ := m["params"].(map[string]any)
		return m["method"] == "textDocument/publishDiagnostics" && params["uri"] == uri
	})
	for _, one := range m["params"].(map[string]any)["diagnostics"].([]any) {
		complaints = append(complaints, fmt.Sprint(one.(map[string]any)["message"]))
	}
	return complaints
}

// An editor with the YAML language server completes the keys of a spec, explains them, and
// flags one that there is not in a spec of the catalogue.
func TestEditor(t *testing.T) {
	e := startEditor(t)
	dir := t.TempDir()
	var schema, stderr bytes.Buffer
	if got := execute(t.Context(), []string{"schema"}, strings.NewReader(""), &schema, &stderr); got != 0 {
		t.Fatalf("ebgen schema: exit status %d\n%s", got, &stderr)
	}
	at := filepath.Join(dir, "ebgen.schema.json")
	if err := os.WriteFile(at, schema.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	e.call("initialize", map[string]any{"processId": nil, "rootUri": "file://" + dir, "capabilities": map[string]any{
		"textDocument": map[string]any{"publishDiagnostics": map[string]any{}, "completion": map[string]any{}, "hover": map[string]any{}},
		"workspace":    map[string]any{"configuration": true}}})
	e.send(map[string]any{"method": "initialized", "params": map[string]any{}})
	e.send(map[string]any{"method": "workspace/didChangeConfiguration", "params": map[string]any{"settings": map[string]any{
		"yaml": map[string]any{"completion": true, "hover": true, "validate": true, "schemaStore": map[string]any{"enable": false}}}}})

	modeline := "# yaml-language-server: $schema=" + at + "\n"
	_, shipped, _ := specs.Find("tcpretrans")
	if got := e.open("file://"+dir+"/right.yaml", modeline+string(shipped)); len(got) > 0 {
		t.Errorf("tcpretrans draws %q, want nothing", got)
	}
	got := e.open("file://"+dir+"/wrong.yaml", modeline+string(shipped)+"\nfilterr: pid == 1\n")
	if len(got) != 1 || !strings.Contains(got[0], "filterr") {
		t.Errorf("a key filterr draws %q, want one complaint about it", got)
	}

	e.open("file://"+dir+"/new.yaml", modeline+"name: x\nprobe: begin\nfil\n")
	result := e.call("textDocument/completion", map[string]any{
		"textDocument": map[string]any{"uri": "file://" + dir + "/new.yaml"}, "position": map[string]any{"line": 3, "character": 3}})
	if text := fmt.Sprint(result); !strings.Contains(text, "label:filter") {
		t.Errorf("completion of fil: %s, want filter among it", text)
	}
	result = e.call("textDocument/hover", map[string]any{
		"textDocument": map[string]any{"uri": "file://" + dir + "/new.yaml"}, "position": map[string]any{"line": 2, "character": 2}})
	if text := fmt.Sprint(result); !strings.Contains(text, "what is traced") {
		t.Errorf("hover over probe: %s, want what the key is for", text)
	}
}
