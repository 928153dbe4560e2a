package binary

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
)

// Probe is one USDT probe of a file.
type Probe struct {
	Provider, Name string
	Sites          []Site // by offset
}

// Site is one place in a file's code where a probe is.
type Site struct {
	Offset    uint64 // in the file
	Address   uint64 // as the file's own addresses go
	Semaphore uint64 // offset in the file of the counter that says whether anyone looks; 0 for a probe without
	Args      []Arg
}

// stapsdt is the type and owner of the notes that describe USDT probes (systemtap,
// "User Space Probe Implementation", version 3).
const (
	stapsdtType  = 3
	stapsdtOwner = "stapsdt"
)

// Probes returns the file's USDT probes, by provider and name; none when it has none.
// A site whose note is broken or lies outside the code is an error: to trace the others
// would look like all.
func (f *File) Probes() ([]Probe, error) {
	var base uint64
	if s := f.elf.Section(".stapsdt.base"); s != nil {
		base = s.Addr
	}
	symbols := f.lookup()
	var probes []Probe
	var failure error
	f.notes(".note.stapsdt", func(name string, kind uint32, desc []byte) {
		if name != stapsdtOwner || kind != stapsdtType || failure != nil {
			return
		}
		provider, probe, site, err := f.site(desc, base, symbols)
		if err != nil {
			failure = fmt.Errorf("%s: %w", f.path, err)
			return
		}
		i := slices.IndexFunc(probes, func(p Probe) bool { return p.Provider == provider && p.Name == probe })
		if i < 0 {
			i = len(probes)
			probes = append(probes, Probe{Provider: provider, Name: probe})
		}
		probes[i].Sites = append(probes[i].Sites, site)
	})
	for _, p := range probes {
		slices.SortFunc(p.Sites, func(a, b Site) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	slices.SortFunc(probes, func(a, b Probe) int { return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Name, b.Name)) })
	return probes, failure
}

// site reads the description of one note: the addresses of the probe, of .stapsdt.base
// when the file was linked, and of the semaphore; then three strings. A prelinked file's
// addresses have moved with its base since.
func (f *File) site(desc []byte, base uint64, symbols func(string) (uint64, bool)) (provider, name string, s Site, err error) {
	const addresses = 3 * 8
	if len(desc) < addresses {
		return "", "", s, fmt.Errorf("a note of a USDT probe is cut off")
	}
	at := func(i int) uint64 { return f.elf.ByteOrder.Uint64(desc[8*i:]) }
	texts := bytes.Split(desc[addresses:], []byte{0})
	if len(texts) < 3 {
		return "", "", s, fmt.Errorf("a note of a USDT probe has no names")
	}
	provider, name = string(texts[0]), string(texts[1])
	moved := uint64(0)
	if base != 0 && at(1) != 0 {
		moved = base - at(1)
	}
	s.Address = at(0) + moved
	var ok bool
	if s.Offset, ok = f.offset(s.Address); !ok {
		return "", "", s, fmt.Errorf("the USDT probe %s:%s lies at 0x%x, outside of the file's code", provider, name, s.Address)
	}
	if semaphore := at(2); semaphore != 0 {
		if s.Semaphore, ok = f.offset(semaphore + moved); !ok {
			return "", "", s, fmt.Errorf("the semaphore of the USDT probe %s:%s lies at 0x%x, outside of the file's data", provider, name, semaphore+moved)
		}
	}
	s.Args = ParseArgs(f.elf.Machine, string(texts[2]), symbols)
	return provider, name, s, nil
}

// lookup returns a function that finds the address of a symbol, of data too. The tables are
// read when it is first asked.
func (f *File) lookup() func(name string) (uint64, bool) {
	var addresses map[string]uint64
	return func(name string) (uint64, bool) {
		if addresses == nil {
			addresses = map[string]uint64{}
			symbols, _ := symbolsOf(f.elf) // none is as good as one that cannot be read
			for _, s := range symbols {
				if s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) != elf.STT_TLS {
					addresses[s.Name] = s.Value
				}
			}
		}
		address, ok := addresses[name]
		return address, ok
	}
}
