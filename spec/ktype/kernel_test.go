package ktype

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	k := fixture(t)
	if got, want := k.Release(), "6.6.6-fixture"; got != want {
		t.Errorf("Release() = %q, want %q", got, want)
	}
	if k.Running() {
		t.Error("a stored kernel says that it is running")
	}
	if got := k.ID(); len(got) != 64 || got != fixture(t).ID() {
		t.Errorf("ID() = %q, want the same SHA-256 for the same BTF", got)
	}
	if other := open(t, marshal(t, fixSock)); other.ID() == k.ID() {
		t.Error("different BTF has the same ID")
	}
	if _, err := k.Spec().AnyTypesByName("tcp_sock"); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	good := marshal(t, fixSock)
	altered := func(alter func([]byte)) string {
		data := append([]byte(nil), good...)
		alter(data)
		return string(data)
	}
	for _, test := range []struct{ name, content, want string }{
		{"empty", "", "too short"},
		{"text", "# notes on a kernel", "a text file"},
		{"header", "/* vmlinux.h */", "a C header"},
		{"xz", "\xfd7zXZ\x00 and more bytes than a header", "an xz archive: unpack it first"},
		{"gzip", "\x1f\x8b and some more bytes than a header", "a gzip archive"},
		{"vmlinuz", "MZ and some more bytes than a header has", "a compressed kernel image"},
		{"unknown", strings.Repeat("x", 64), "not BTF: it starts with 0x78 0x78"},
		{"damaged ELF", "\x7fELF" + strings.Repeat("x", 64), "ELF"},
		{"version", altered(func(b []byte) { b[2] = 9 }), "BTF of version 9, want 1"},
		{"cut short", string(good[:len(good)-1]), "cut short"},
		{"unknown kind", altered(func(b []byte) { b[24+7] = 31 }), "newer than this ebgen"},
		{"module", altered(func(b []byte) { b[24+binary.NativeEndian.Uint32(b[16:])] = 'x' }), "BTF of a kernel module"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open: %v, want the path and %q", err, test.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of an absent file: %v", err)
	}
}

func TestOpenELF(t *testing.T) {
	raw := marshal(t, fixtureTypes()...)
	for _, test := range []struct {
		section string
		want    string // of the error, "" for none
	}{
		{".BTF", ""},
		{".text", "without a .BTF section"},
	} {
		path := filepath.Join(t.TempDir(), "vmlinux")
		if err := os.WriteFile(path, elfWith(test.section, raw), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := Open(path)
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", test.section, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Function("tcp_sendmsg"); err != nil {
			t.Error(err)
		}
	}
}

// elfWith is a 64-bit ELF file with one section beside the table of names (elf(5)).
func elfWith(section string, content []byte) []byte {
	const header, entry = 64, 64
	le := binary.LittleEndian
	names := "\x00" + section + "\x00.shstrtab\x00"
	file := make([]byte, header)
	copy(file, "\x7fELF\x02\x01\x01") // 64 bit, little endian, version 1
	le.PutUint16(file[16:], 1)        // ET_REL
	le.PutUint16(file[18:], 62)       // EM_X86_64
	le.PutUint32(file[20:], 1)
	le.PutUint64(file[40:], uint64(header+len(content)+len(names)))
	le.PutUint16(file[52:], header)
	le.PutUint16(file[58:], entry)
	le.PutUint16(file[60:], 3) // sections: none, ours, the names
	le.PutUint16(file[62:], 2)
	file = append(append(file, content...), names...)
	add := func(name, kind, offset, size int) {
		s := make([]byte, entry)
		le.PutUint32(s, uint32(name))
		le.PutUint32(s[4:], uint32(kind))
		le.PutUint64(s[24:], uint64(offset))
		le.PutUint64(s[32:], uint64(size))
		file = append(file, s...)
	}
	add(0, 0, 0, 0)
	add(1, 1, header, len(content))                         // SHT_PROGBITS
	add(len(section)+2, 3, header+len(content), len(names)) // SHT_STRTAB
	return file
}

func TestBuildID(t *testing.T) {
	note := func(kind uint32, name, content string) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(len(name)))
		b = binary.NativeEndian.AppendUint32(b, uint32(len(content)))
		b = binary.NativeEndian.AppendUint32(b, kind)
		pad := func(s string) string { return s + strings.Repeat("\x00", (4-len(s)%4)%4) }
		return append(b, pad(name)+pad(content)...)
	}
	id := note(3, "GNU\x00", "\x48\xdc\x54\x0c\x8b")
	for _, test := range []struct {
		name  string
		notes []byte
		want  string
	}{
		{"alone", id, "48dc540c8b"},
		{"behind others", append(append(note(6, "Xen\x00", "linux"), note(1, "GNU\x00", "abi!")...), id...), "48dc540c8b"},
		{"another's note of that type", note(3, "Xen\x00", "1234"), ""},
		{"cut short", id[:len(id)-4], ""},
		{"none", nil, ""},
		{"sizes past the end", []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00\x00GNU\x00"), ""},
	} {
		if got, ok := buildID(test.notes); got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %v, want %q", test.name, got, ok, test.want)
		}
	}
}
