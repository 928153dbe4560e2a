package gen

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
)

// BuildID names this ebgen: two that could make different bundles of one spec have
// different ids. It is the linker's, which covers all code and embedded files, or, in an
// executable that was linked without one, the file's size and time of change.
var BuildID = sync.OnceValues(func() (string, error) { return buildID("/proc/self/exe") })

func buildID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("build id: %w", err)
	}
	defer f.Close()
	if id, err := linkerID(f); err == nil {
		return id, nil
	}
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("build id: %w", err)
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano()), nil
}

// errNoID is for an executable without the linker's note.
var errNoID = errors.New("no build id")

// linkerID reads the note that Go's linker leaves in every ELF executable: three words
// (length of the name, length of the id, type 4), the name "Go\0\0", the id
// (cmd/link/internal/ld/elf.go, ELF_NOTE_GOBUILDID_TAG).
func linkerID(f *os.File) (string, error) {
	file, err := elf.NewFile(f)
	if err != nil {
		return "", err
	}
	section := file.Section(".note.go.buildid")
	if section == nil {
		return "", errNoID
	}
	note, err := section.Data()
	if err != nil {
		return "", err
	}
	const head = 16
	if len(note) <= head || string(note[12:head]) != "Go\x00\x00" {
		return "", errNoID
	}
	size := binary.NativeEndian.Uint32(note[4:])
	if size == 0 || uint64(size) > uint64(len(note)-head) {
		return "", errNoID
	}
	return string(note[head : head+size]), nil
}
