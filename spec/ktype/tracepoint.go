package ktype

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/ebgen/ebgen/spec/ktype/internal/tracefs"
)

// Format is the record of a classic tracepoint as a BPF program of that kind sees it.
type Format struct {
	Name   string
	Struct string        // tag of the record's struct when BTF has it, else ""
	Fields []FormatField // without the common_ fields, in the kernel's order
}

// FormatField is one field of a record.
type FormatField struct {
	Name    string
	Type    Type // of a Dynamic field the Array it leads to, whose Len is 0: the record says how long it is
	Offset  int  // bytes from the start of the record
	Size    int  // bytes at Offset; 4 for a Dynamic field
	Signed  bool
	Dynamic bool // at Offset is a __data_loc word: offset in the low 16 bits, length in the high 16 bits
}

// What include/trace/stages/stage1_struct_define.h puts before the names of words that
// lead to data at the end of the record. A __rel_loc word counts from its own end.
const (
	dataLoc = "__data_loc"
	relLoc  = "__rel_loc"
)

// rawEvent starts the tag of a record's struct; the rest is the event class's name.
const rawEvent = "trace_event_raw_"

// Tracepoint returns the record of category:name. The running kernel's tracefs is the
// authority; where it may not be read, and for a stored kernel, BTF has the record of
// an event that is named like its class. System calls come from a table (Syscall): their
// records have one shape.
func (k *Kernel) Tracepoint(category, name string) (*Format, error) {
	if category == syscallCategory {
		return k.syscallFormat(name)
	}
	if !k.running {
		return k.storedFormat(name)
	}
	live, err := k.liveFormat(category, name)
	if errors.Is(err, fs.ErrPermission) {
		if stored, storedErr := k.storedFormat(name); storedErr == nil || errors.Is(storedErr, ErrNotFound) {
			return stored, storedErr
		}
	}
	return live, err
}

// liveFormat reads a record's layout from the running kernel's tracefs.
func (k *Kernel) liveFormat(category, name string) (*Format, error) {
	t, err := k.events()
	if err != nil {
		return nil, err
	}
	text, err := t.Read("events/" + category + "/" + name + "/format")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, k.notFound("tracepoint", category+":"+name, k.NearestEvents)
	}
	if err != nil {
		return nil, err
	}
	f, err := k.parseFormat(string(text))
	if err != nil {
		return nil, fmt.Errorf("tracepoint %s:%s: %w", category, name, err)
	}
	f.Name = name
	if structs, _ := named[*btf.Struct](k, rawEvent+name); len(structs) == 1 {
		f.Struct = rawEvent + name
	}
	return f, nil
}

// events opens tracefs once.
func (k *Kernel) events() (*tracefs.FS, error) {
	if k.tracefs == nil {
		t, err := tracefs.Open()
		if err != nil {
			return nil, err
		}
		k.tracefs = t
	}
	return k.tracefs, nil
}

// parseFormat reads a tracepoint's format file:
//
//	name: net_dev_xmit
//	ID: 2306
//	format:
//		field:unsigned short common_type;	offset:0;	size:2;	signed:0;
//
//		field:__data_loc char[] name;	offset:24;	size:4;	signed:0;
//
//	print fmt: …
func (k *Kernel) parseFormat(text string) (*Format, error) {
	f := new(Format)
	for line := range strings.Lines(text) {
		declaration, ok := strings.CutPrefix(strings.TrimSpace(line), "field:")
		if !ok {
			continue
		}
		field, err := k.parseField(declaration)
		if err != nil {
			return nil, fmt.Errorf("format: field %q: %w", declaration, err)
		}
		if !strings.HasPrefix(field.Name, "common_") {
			f.Fields = append(f.Fields, field)
		}
	}
	if len(f.Fields) == 0 && !strings.Contains(text, "field:") {
		return nil, errors.New("format: it has no fields")
	}
	return f, nil
}

// parseField reads what stands behind "field:".
func (k *Kernel) parseField(line string) (FormatField, error) {
	declaration, rest, _ := strings.Cut(line, ";")
	var f FormatField
	for part := range strings.SplitSeq(rest, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return f, fmt.Errorf("%s is %q", key, value)
		}
		switch key {
		case "offset":
			f.Offset = n
		case "size":
			f.Size = n
		case "signed":
			f.Signed = n != 0
		}
	}
	declaration, f.Dynamic = strings.CutPrefix(strings.TrimSpace(declaration), dataLoc+" ")
	declaration, relative := strings.CutPrefix(declaration, relLoc+" ")
	spelled, array := declaration, false
	if open := strings.IndexByte(declaration, '['); open >= 0 {
		end := strings.IndexByte(declaration, ']')
		if end < open {
			return f, errors.New("a bracket is not closed")
		}
		spelled, array = declaration[:open]+declaration[end+1:], true
	}
	at := strings.LastIndexAny(spelled, " *\t") + 1
	spelled, f.Name = spelled[:at], spelled[at:]
	if f.Name == "" || strings.TrimSpace(spelled) == "" {
		return f, errors.New("no type and name")
	}
	elem, known := k.cType(spelled)
	switch {
	case relative: // no program can follow it by __data_loc's rule, so it stays a word
		f.Name, f.Type = relLoc+"_"+f.Name, word(f.Size, false)
	case f.Dynamic:
		if !known || elem.Size == 0 {
			elem = word(1, false)
		}
		f.Type = arrayOf(elem, 0)
	case array:
		if !known || elem.Size == 0 {
			elem = word(1, false)
		}
		f.Type = arrayOf(elem, f.Size/elem.Size)
	case known && elem.Size == f.Size:
		f.Type = elem
	default: // a type that BTF lacks: what counts is how many bytes it has
		f.Type = word(f.Size, f.Signed)
	}
	return f, nil
}

// word is the plain value of a field whose type is not known: an integer, or bytes
// where no integer has that size.
func word(size int, signed bool) Type {
	switch size {
	case 1, 2, 4, 8:
		return Type{Kind: Int, Size: size, Signed: signed, Name: fmt.Sprintf("%c%d", map[bool]rune{true: 's', false: 'u'}[signed], 8*size)}
	}
	return arrayOf(word(1, false), size)
}

// untold is an ErrUntold in words.
type untold struct{ text string }

func (e *untold) Error() string        { return e.text }
func (e *untold) Is(target error) bool { return target == ErrUntold }

// storedFormat reads a record's layout from its struct in BTF. A class has such a struct
// too, so the name must be a tracepoint's. An event whose class has another name gives
// ErrUntold.
func (k *Kernel) storedFormat(name string) (*Format, error) {
	if _, err := k.RawTracepoint(name); err != nil {
		return nil, err
	}
	t, err := k.tagged(rawEvent+name, false)
	if errors.Is(err, ErrNotFound) {
		return nil, &untold{fmt.Sprintf("the BTF of kernel %s does not tell its record from those of other events; rawtracepoint:%s has typed arguments", k.release, name)}
	}
	if err != nil {
		return nil, err
	}
	f := &Format{Name: name, Struct: t.Name}
	for _, m := range t.Members() {
		if m.Name == "ent" || m.Name == "__data" { // struct trace_entry: the common_ fields; where dynamic data begins
			continue
		}
		field := FormatField{Name: m.Name, Type: m.Type, Offset: m.Offset / 8, Size: m.Type.Size, Signed: m.Type.Signed}
		if name, ok := strings.CutPrefix(m.Name, dataLoc+"_"); ok {
			char, _ := k.cInteger([]string{"char"})
			field.Name, field.Dynamic, field.Type = name, true, arrayOf(char, 0)
		}
		f.Fields = append(f.Fields, field)
	}
	return f, nil
}
