package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/unpack"
)

func writeTree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestArrange has the three ways in which Debian's packages lay a kernel out.
func TestArrange(t *testing.T) {
	image := string(bzImage("\x7fELF kernel"))
	tests := []struct {
		name, modules, boot string
	}{
		{"6.1", "lib/modules/6.1.0-x/", "boot/%-6.1.0-x"},
		{"6.12", "usr/lib/modules/6.12.1-x/", "boot/%-6.12.1-x"},
		{"sid", "usr/lib/modules/7.2.1-x/", "usr/lib/modules/7.2.1-x/%"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, cache := filepath.Join(t.TempDir(), "root"), t.TempDir()
			dir := filepath.Join(cache, tt.name)
			writeTree(t, root, map[string]string{
				strings.Replace(tt.boot, "%", "vmlinuz", 1): image,
				strings.Replace(tt.boot, "%", "config", 1):  "CONFIG_BPF=y\n",
				tt.modules + "modules.builtin":              "kernel/x.ko\n",
				tt.modules + "kernel/net/y.ko":              "y",
			})
			if err := arrange(root, dir); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"vmlinux": "\x7fELF kernel", "config": "CONFIG_BPF=y\n", "modules/kernel/net/y.ko": "y",
				"modules/modules.builtin": "kernel/x.ko\n", "release": filepath.Base(tt.modules) + "\n",
			} {
				if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v; want %q", name, got, err, want)
				}
			}
			k, err := cachedKernel(cache, series{name: tt.name})
			if err != nil || k.release != filepath.Base(tt.modules) {
				t.Errorf("kernel %+v, %v", k, err)
			}
		})
	}
}

func TestArrangeError(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(t.TempDir(), "kernel")
	if err := arrange(root, dir); err == nil || err.Error() != "0 files for lib/modules/* or usr/lib/modules/*, want 1" {
		t.Errorf("empty package: %v", err)
	}
	writeTree(t, root, map[string]string{"lib/modules/1/a": "", "boot/vmlinuz-1": "no kernel", "boot/config-1": ""})
	if err := arrange(root, dir); err != unpack.ErrNotBzImage {
		t.Errorf("package without a kernel: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("half a kernel is there: %v", err)
	}
}

func TestReplaceDir(t *testing.T) {
	work := t.TempDir()
	place := filepath.Join(work, "place")
	for _, version := range []string{"first", "second"} {
		from := filepath.Join(work, version)
		writeTree(t, from, map[string]string{"release": version})
		if err := replaceDir(from, place, filepath.Join(work, "old")); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(place, "release")); err != nil || string(got) != version {
			t.Errorf("%q, %v; want %s", got, err, version)
		}
	}
}

func TestRemoveLeftovers(t *testing.T) {
	cache := t.TempDir()
	writeTree(t, cache, map[string]string{".fetch-123/root/boot/x": "", "6.1/release": "", ".lock": ""})
	if err := removeLeftovers(cache); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 2 || left[0].Name() != ".lock" || left[1].Name() != "6.1" {
		t.Errorf("left: %v, %v", left, err)
	}
}

// bzImage is a kernel image with one sector of setup and, behind it, a payload that is not
// compressed.
func bzImage(payload string) []byte {
	image := make([]byte, 2*512)
	image[0x1f1] = 1
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x206:], 0x20f)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)+4))
	return binary.LittleEndian.AppendUint32(append(image, payload...), uint32(len(payload)))
}
