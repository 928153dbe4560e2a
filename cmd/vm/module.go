package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebgen/ebgen/spec/unpack"
)

// module is one kernel module to load, with its parameters as insmod takes them.
type module struct {
	Name   string
	Params string
}

// moduleTree is the modules of one kernel. Debian's packages have no modules.dep (depmod
// writes it at installation), so dependencies are read from the modules themselves.
type moduleTree struct {
	files   map[string]string // path on this machine, by name
	builtin map[string]bool
	depends func(name string) ([]string, error) // direct dependencies, by name
}

// moduleExtensions are the endings of a module's file.
var moduleExtensions = []string{".ko", ".ko.xz", ".ko.zst"}

// moduleName turns a file name into the name the kernel uses, or "" when the file is no
// module. The kernel has '_' where the file may have '-' (KBUILD_MODNAME).
func moduleName(file string) string {
	for _, extension := range moduleExtensions {
		if name, ok := strings.CutSuffix(filepath.Base(file), extension); ok {
			return strings.ReplaceAll(name, "-", "_")
		}
	}
	return ""
}

// readModuleTree reads the names in a kernel's module directory.
func readModuleTree(dir string) (*moduleTree, error) {
	t := &moduleTree{files: map[string]string{}, builtin: map[string]bool{}}
	t.depends = func(name string) ([]string, error) {
		image, err := t.read(name)
		if err != nil {
			return nil, err
		}
		return moduleDepends(image)
	}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(list)) {
		t.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return t, filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
		if name := moduleName(file); name != "" {
			t.files[name] = file
		}
		return err
	})
}

// read returns a module's ELF file, unpacked.
func (t *moduleTree) read(name string) ([]byte, error) {
	data, err := os.ReadFile(t.files[name])
	if err != nil {
		return nil, err
	}
	if data, err = unpack.Decompress(data); err != nil {
		return nil, fmt.Errorf("module %s: %w", name, err)
	}
	return data, nil
}

// resolve returns the modules to load for those wanted, dependencies first, each once.
// What is built into the kernel needs no loading.
func (t *moduleTree) resolve(wanted []module) ([]module, error) {
	params := map[string]string{}
	var names []string
	for _, m := range wanted {
		name, err := t.find(m.Name)
		if err != nil {
			return nil, err
		}
		if t.builtin[name] && m.Params != "" {
			return nil, fmt.Errorf("module %s is built into this kernel: give %q as --append '%s.%[2]s'", name, m.Params, name)
		}
		params[name] = m.Params
		names = append(names, name)
	}
	var order []module
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if done[name] || t.builtin[name] {
			return nil
		}
		done[name] = true
		if _, ok := t.files[name]; !ok {
			return fmt.Errorf("no module %q in this kernel", name)
		}
		depends, err := t.depends(name)
		if err != nil {
			return err
		}
		for _, d := range depends {
			if err := visit(d); err != nil {
				return fmt.Errorf("module %s: %w", name, err)
			}
		}
		order = append(order, module{name, params[name]})
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// find returns the kernel's name of a module. A qdisc, filter or action goes by its short
// name too, as in tc(8): netem is sch_netem.
func (t *moduleTree) find(name string) (string, error) {
	name = strings.ReplaceAll(name, "-", "_")
	for _, prefix := range []string{"", "sch_", "cls_", "act_"} {
		if _, ok := t.files[prefix+name]; ok || t.builtin[prefix+name] {
			return prefix + name, nil
		}
	}
	return "", fmt.Errorf("no module %q in this kernel", name)
}

// moduleDepends returns what a module's .modinfo section says after "depends=".
func moduleDepends(image []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it has no .modinfo section")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	return parseDepends(info), nil
}

// parseDepends reads the NUL-separated KEY=VALUE strings of a .modinfo section.
func parseDepends(info []byte) []string {
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(entry, []byte("depends=")); ok && len(list) > 0 {
			return strings.Split(strings.ReplaceAll(string(list), "-", "_"), ",")
		}
	}
	return nil
}

// parseModule reads NAME[:PARAM=VALUE]….
func parseModule(text string) module {
	name, params, _ := strings.Cut(text, ":")
	return module{name, strings.ReplaceAll(params, ":", " ")}
}
