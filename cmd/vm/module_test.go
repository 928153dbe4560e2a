package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testTree is a tree without files: null_blk wants configfs, pci wants ring and virtio,
// virtio wants ring; a and b want each other.
func testTree() *moduleTree {
	depends := map[string][]string{
		"null_blk": {"configfs"}, "configfs": nil, "sch_netem": nil, "virtio_ring": nil, "virtio": {"virtio_ring"},
		"virtio_pci": {"virtio_ring", "virtio", "core"}, "lost": {"nowhere"}, "a": {"b"}, "b": {"a"},
	}
	t := &moduleTree{files: map[string]string{}, builtin: map[string]bool{"core": true, "loop": true}}
	for name := range depends {
		t.files[name] = name + ".ko"
	}
	t.depends = func(name string) ([]string, error) { return depends[name], nil }
	return t
}

func TestResolve(t *testing.T) {
	tests := []struct {
		wanted string
		want   string
		err    string
	}{
		{wanted: "", want: ""},
		{wanted: "null_blk:nr_devices=2:gb=1", want: "configfs;null_blk nr_devices=2 gb=1"},
		{wanted: "null-blk", want: "configfs;null_blk"},
		{wanted: "netem", want: "sch_netem"},
		{wanted: "sch_netem netem", want: "sch_netem"},
		{wanted: "virtio_pci virtio", want: "virtio_ring;virtio;virtio_pci"},
		{wanted: "virtio virtio_pci", want: "virtio_ring;virtio;virtio_pci"},
		{wanted: "null_blk configfs:x=1", want: "configfs x=1;null_blk"},
		{wanted: "core", want: ""},
		{wanted: "a", want: "b;a"},
		{wanted: "nonesuch", err: `no module "nonesuch" in this kernel`},
		{wanted: "lost", err: `module lost: no module "nowhere" in this kernel`},
		{wanted: "loop:max_loop=4", err: "module loop is built into this kernel: give \"max_loop=4\" as --append 'loop.max_loop=4'"},
	}
	for _, tt := range tests {
		t.Run(tt.wanted, func(t *testing.T) {
			var wanted []module
			for _, text := range strings.Fields(tt.wanted) {
				wanted = append(wanted, parseModule(text))
			}
			order, err := testTree().resolve(wanted)
			if err != nil || tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				return
			}
			var got []string
			for _, m := range order {
				got = append(got, strings.TrimSpace(m.Name+" "+m.Params))
			}
			if text := strings.Join(got, ";"); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}

func TestParseDepends(t *testing.T) {
	tests := []struct {
		info string
		want []string
	}{
		{"license=GPL\x00depends=virtio_ring,snd-pcm\x00name=x\x00", []string{"virtio_ring", "snd_pcm"}},
		{"depends=\x00name=x\x00", nil},
		{"name=x\x00softdep=pre: y\x00", nil},
		{"", nil},
	}
	for _, tt := range tests {
		if got := parseDepends([]byte(tt.info)); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.info, got, tt.want)
		}
	}
}

func TestReadModuleTree(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"modules.builtin":          "kernel/drivers/block/loop.ko\nkernel/fs/ext4/crypto-x.ko\n",
		"modules.order":            "",
		"kernel/a/virtio-rng.ko":   "not an ELF file at all",
		"kernel/b/null_blk.ko.xz":  "",
		"kernel/b/other.ko.zst":    "",
		"kernel/b/notes.ko.notes":  "",
		"kernel/c/deep/er/veth.ko": "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := readModuleTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"null_blk", "other", "veth", "virtio_rng"}
	var got []string
	for name := range tree.files {
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || !tree.builtin["loop"] || !tree.builtin["crypto_x"] || len(tree.builtin) != 2 {
		t.Errorf("files %v, want %v; built in %v", got, want, tree.builtin)
	}
	if _, err := tree.resolve([]module{{Name: "virtio-rng"}}); err == nil || !strings.Contains(err.Error(), "bad magic number") {
		t.Errorf("a module that is no ELF file: %v", err)
	}
	if _, err := readModuleTree(filepath.Join(dir, "kernel")); !os.IsNotExist(err) {
		t.Errorf("a tree without modules.builtin: %v", err)
	}
}
