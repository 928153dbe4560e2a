package plain

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestText(t *testing.T) {
	for _, test := range []struct{ text, line, lines, json string }{
		{"plain, é and \U0001f600", "plain, é and \U0001f600", "plain, é and \U0001f600", "plain, é and \U0001f600"},
		{"a\x1b[2Jb\a", `a\x1b[2Jb\x07`, `a\x1b[2Jb\x07`, `a\u001b[2Jb\u0007`},
		{"a\nb\tc\r", `a\x0ab\x09c\x0d`, "a\nb\tc\\x0d", `a\u000ab\u0009c\u000d`},
		{"\u202egnp.exe\u202c", `\u202egnp.exe\u202c`, `\u202egnp.exe\u202c`, `\u202egnp.exe\u202c`},
		{"\u2066a\u2069\u200f", `\u2066a\u2069\u200f`, `\u2066a\u2069\u200f`, `\u2066a\u2069\u200f`},
		{"\u009b31m\x7f", `\u009b31m\x7f`, `\u009b31m\x7f`, `\u009b31m\u007f`},
		{"\xff\xc3", `\xff\xc3`, `\xff\xc3`, `\\xff\\xc3`},
		{`"C:\x"`, `"C:\x"`, `"C:\x"`, `\"C:\\x\"`},
		{"\U000e0001", `\U000e0001`, `\U000e0001`, `\udb40\udc01`},
		{"\u2028", `\u2028`, `\u2028`, `\u2028`},
	} {
		if got := Text(test.text); got != test.line {
			t.Errorf("%q on a line: %s, want %s", test.text, got, test.line)
		}
		if got := Lines(test.text); got != test.lines {
			t.Errorf("%q in lines: %q, want %q", test.text, got, test.lines)
		}
		if got := string(AppendJSON(nil, []byte(test.text))); got != test.json {
			t.Errorf("%q in JSON: %s, want %s", test.text, got, test.json)
		}
	}
}

// A document stays what it was to those who read it.
func TestDocument(t *testing.T) {
	want := map[string]string{"a\x1b\u202e\x7f": "\"\\\n\u009b <é>"}
	text, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	escaped := AppendDocument(nil, text)
	if Lines(string(escaped)) != string(escaped) {
		t.Errorf("not printable: %q", escaped)
	}
	var got map[string]string
	if err := json.Unmarshal(escaped, &got); err != nil || len(got) != 1 || got["a\x1b\u202e\x7f"] != want["a\x1b\u202e\x7f"] {
		t.Errorf("%s became %s: %v, %v", text, escaped, got, err)
	}
}

// However the text is cut, the same comes out.
func TestWriter(t *testing.T) {
	const text = "é\x1b\U0001f600\xffb\u202e\n"
	const want = "é\\x1b\U0001f600\\xffb\\u202e\n"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := Writer(&out)
		for at := 0; at < len(text); at += size {
			part := text[at:min(at+size, len(text))]
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
		if out.String() != want {
			t.Errorf("in parts of %d: %q, want %q", size, out.String(), want)
		}
	}
}
