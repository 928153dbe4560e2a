package binary

import (
	"cmp"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/ianlancetaylor/demangle"
)

// MaxMatches is how many functions a pattern may mean.
const MaxMatches = 1024

// Function is one function of a file.
type Function struct {
	Name      string // as the file has it, without a version
	Demangled string // as the source has it, "" when that is the same
	Offset    uint64 // in the file
	Address   uint64 // as the file's own addresses go
	Size      uint64 // bytes, 0 when it is not known
	Chosen    bool   // the symbol is not the function but what chooses it at start (STT_GNU_IFUNC)
}

// Functions returns what a spelling means: a symbol, mangled or as the source has it with
// or without its parameters; SYMBOL+0x10; an offset in the file 0x1234; or a pattern in
// which * stands for any text. Functions of one address are one. A name that several
// functions have, as static ones may, means all of them. Offsets are of instructions.
func (f *File) Functions(spelling string) ([]Function, error) {
	if offset, err := strconv.ParseUint(spelling, 0, 64); err == nil {
		address, ok := f.executable(offset)
		if !ok {
			return nil, fmt.Errorf("%s has no code at the offset %s", f.path, spelling)
		}
		if err := f.beginsInstruction(address); err != nil {
			return nil, err
		}
		return []Function{{Name: spelling, Offset: offset, Address: address}}, nil
	}
	all, err := f.All()
	if err != nil {
		return nil, err
	}
	symbol, step, err := cutOffset(spelling)
	if err != nil {
		return nil, err
	}
	found := matching(all, symbol)
	switch {
	case len(found) == 0:
		return nil, f.unknown(all, symbol)
	case len(found) > MaxMatches:
		return nil, fmt.Errorf("%d functions of %s match %s, more than %d: %s and %s are among them", len(found), f.path, spelling, MaxMatches, found[0].title(), found[1].title())
	case !strings.Contains(symbol, "*") && found[0].Chosen:
		return nil, f.chosen(all, symbol)
	}
	found = slices.DeleteFunc(found, func(one Function) bool { return one.Chosen })
	for i := range found {
		one := &found[i]
		if step > 0 && one.Size > 0 && step >= one.Size {
			return nil, fmt.Errorf("%s has %d bytes: %s lies outside", symbol, one.Size, spelling)
		}
		one.Offset, one.Address = one.Offset+step, one.Address+step
		if step > 0 {
			one.Name, one.Demangled = spelling, ""
			if err := f.beginsInstruction(one.Address); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// cutOffset cuts SYMBOL+0x10 in two; C++ has a plus in the names of operators.
func cutOffset(spelling string) (symbol string, step uint64, err error) {
	i := strings.LastIndexByte(spelling, '+')
	if i < 0 || i+1 == len(spelling) || spelling[i+1] < '0' || spelling[i+1] > '9' {
		return spelling, 0, nil
	}
	if step, err = strconv.ParseUint(spelling[i+1:], 0, 64); err != nil {
		return "", 0, fmt.Errorf("%q is no number of bytes behind a symbol", spelling[i+1:])
	}
	return spelling[:i], step, nil
}

func (one *Function) title() string { return cmp.Or(one.Demangled, one.Name) }

// matching returns the functions that a symbol or pattern means, by address. One that has
// several names, as malloc and __libc_malloc, goes by the plainest.
func matching(all []Function, symbol string) []Function {
	var found []Function
	pattern := strings.Contains(symbol, "*")
	for _, one := range all {
		if one.Name == symbol || pattern && Like(symbol, one.Name) {
			found = append(found, one)
			continue
		}
		if one.Demangled == "" {
			continue
		}
		if one.Demangled == symbol || withoutParameters(one.Name) == symbol || pattern && Like(symbol, one.Demangled) {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b Function) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(underscores(a.Name), underscores(b.Name)), cmp.Compare(len(a.Name), len(b.Name)))
	})
	return slices.CompactFunc(found, func(a, b Function) bool { return a.Offset == b.Offset })
}

// underscores is how many a name begins with.
func underscores(name string) int { return len(name) - len(strings.TrimLeft(name, "_")) }

// withoutParameters is a mangled name as the source has it, without parameters.
func withoutParameters(name string) string {
	short, err := demangle.ToString(name, demangle.NoParams)
	if err != nil {
		return ""
	}
	return short
}

// Like reports whether a text is what a pattern says, in which * stands for any text.
func Like(pattern, text string) bool {
	head, rest, open := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, head)
	if !ok || !open {
		return ok && text == ""
	}
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}

// unknown says that a file has no such function, and which come near.
func (f *File) unknown(all []Function, symbol string) error {
	if len(all) == 0 {
		return fmt.Errorf("%s has no symbols: it was stripped. An offset in the file still names a place: 0x1234", f.path)
	}
	var near []string
	bare := strings.ToLower(strings.Trim(symbol, "*_"))
	for _, one := range all {
		if name := one.title(); bare != "" && strings.Contains(strings.ToLower(name), bare) {
			near = append(near, name)
		}
	}
	slices.SortFunc(near, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	near = slices.Compact(near)
	if len(near) == 0 {
		if like := misspelled(all, symbol); len(like) > 0 {
			return fmt.Errorf("%s has no function %s; did you mean %s?", f.path, symbol, strings.Join(like, " or "))
		}
		return fmt.Errorf("%s has no function %s", f.path, symbol)
	}
	return fmt.Errorf("%s has no function %s; it has %s", f.path, symbol, strings.Join(near[:min(3, len(near))], ", "))
}

// misspelled returns at most two names that a typing mistake could have turned into symbol:
// those with the fewest edits, of which there is one at most for every three letters.
func misspelled(all []Function, symbol string) []string {
	if strings.Contains(symbol, "*") {
		return nil
	}
	most := len(symbol) / 3
	best := map[string]int{}
	for _, one := range all {
		if longer := len(one.Name) - len(symbol); longer > most || -longer > most {
			continue
		}
		switch edits := levenshtein.ComputeDistance(one.Name, symbol); {
		case edits > most:
		case edits < most:
			clear(best)
			most = edits
			fallthrough
		default:
			best[one.Name] = edits
		}
	}
	names := slices.Sorted(maps.Keys(best))
	return names[:min(2, len(names))]
}

// chosen says that a symbol is no function by itself, and which functions it may mean.
func (f *File) chosen(all []Function, symbol string) error {
	found := slices.DeleteFunc(matching(all, "*"+symbol+"_*"), func(one Function) bool { return one.Chosen })
	if len(found) == 0 {
		return fmt.Errorf("%s is chosen when the program starts (an ifunc of %s), among functions that the file does not name: its debug symbols may", symbol, f.path)
	}
	var names []string
	for _, one := range found[:min(3, len(found))] {
		names = append(names, one.title())
	}
	return fmt.Errorf("%s is chosen when the program starts (an ifunc of %s), among %s", symbol, f.path, strings.Join(names, ", "))
}

// All returns every function that the file, its debug symbols or Go's table of functions
// names, by address; none for a file that was stripped of them all.
func (f *File) All() ([]Function, error) {
	if f.read {
		return f.names, nil
	}
	all, err := f.symbols(f.elf)
	if err != nil {
		return nil, err
	}
	if f.elf.Section(".symtab") == nil {
		if d := f.debugFile(); d != nil {
			more, err := f.symbols(d.elf)
			all = append(all, more...)
			if err := errors.Join(err, d.Close()); err != nil {
				return nil, err
			}
		}
		all = append(all, f.goFunctions()...)
	}
	slices.SortStableFunc(all, func(a, b Function) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), strings.Compare(a.Name, b.Name))
	})
	all = slices.CompactFunc(all, func(a, b Function) bool { return a.Address == b.Address && a.Name == b.Name })
	f.names, f.read = all, true
	return all, nil
}

// symbols reads the functions of both symbol tables of from, which is f or has its
// symbols.
func (f *File) symbols(from *elf.File) ([]Function, error) {
	var all []Function
	symbols, err := symbolsOf(from)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	for _, s := range symbols {
		kind := elf.ST_TYPE(s.Info)
		if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || s.Section == elf.SHN_UNDEF {
			continue
		}
		offset, ok := f.offset(s.Value)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(s.Name, "@") // a version: malloc@@GLIBC_2.2.5
		all = append(all, Function{Name: name, Demangled: sourceName(name), Offset: offset, Address: s.Value, Size: s.Size, Chosen: kind == elf.STT_GNU_IFUNC})
	}
	return all, nil
}

// sourceName is a mangled name of C++ or Rust as the source has it, else "".
func sourceName(name string) string {
	if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") {
		return ""
	}
	long, err := demangle.ToString(name)
	if err != nil || long == name {
		return ""
	}
	return long
}

// goFunctions reads the table that the Go runtime finds its functions by, which no strip
// takes away (runtime/symtab.go).
func (f *File) goFunctions() (all []Function) {
	table, err := f.data(".gopclntab")
	text := f.elf.Section(".text")
	if err != nil || table == nil || text == nil {
		return nil
	}
	defer func() {
		if recover() != nil { // gosym trusts the table's offsets
			all = nil
		}
	}()
	parsed, err := gosym.NewTable(nil, gosym.NewLineTable(table, text.Addr))
	if err != nil {
		return nil
	}
	for _, one := range parsed.Funcs {
		if offset, ok := f.offset(one.Entry); ok && one.Sym != nil {
			all = append(all, Function{Name: one.Name, Offset: offset, Address: one.Entry, Size: one.End - one.Entry})
		}
	}
	return all
}
