package machinery

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/cilium/ebpf"
)

// paramSetter puts values into an object that is not yet loaded. A single value is a
// constant of the param's name, several values and networks are the entries of a map of
// that name; NAME_given says whether there is any. The verifier takes the constants as
// they stand and drops what a param that is not given switches off, and so may have
// clang: what the object does not have is passed over. err is the first that went wrong.
type paramSetter struct {
	spec *ebpf.CollectionSpec
	err  error
}

func (s *paramSetter) fail(name string, err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("param %s: %w", name, err)
	}
}

// given says that a param has a value.
func (s *paramSetter) given(name string) {
	if v := s.spec.Variables[name+"_given"]; v != nil {
		s.fail(name, v.Set(uint8(1)))
	}
}

//ebgen:if singles

// set gives a param its value, which has the size of the constant.
func (s *paramSetter) set(name string, value any) {
	s.given(name)
	if v := s.spec.Variables[name]; v != nil {
		s.fail(name, v.Set(value))
	}
}

//ebgen:end
//ebgen:if durations

// nonNegative refuses a negative value of an unsigned param.
func (s *paramSetter) nonNegative(name string, value int64) {
	if value < 0 {
		s.fail(name, errors.New("a negative value"))
	}
}

//ebgen:end
//ebgen:if texts

// text copies a text into the bytes of a param, whose last one stays a NUL.
func (s *paramSetter) text(name, text string, into []byte) {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		s.fail(name, fmt.Errorf("%q holds a NUL byte", text))
	case len(text) >= len(into):
		s.fail(name, fmt.Errorf("%q is longer than %d bytes", text, len(into)-1))
	}
	copy(into, text)
}

//ebgen:end
//ebgen:if addresses

// address returns the 16 bytes of an address, IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
func (s *paramSetter) address(name string, a netip.Addr) [16]byte {
	if !a.IsValid() || a.Zone() != "" {
		s.fail(name, fmt.Errorf("%v is no address", a))
		return [16]byte{}
	}
	return a.As16()
}

//ebgen:end
//ebgen:if networks

// networkKey is a key of an LPM trie: a length in bits and an address in network order.
type networkKey struct {
	Bits uint32
	Addr [16]byte
}

// network returns the key of a network; an IPv4 one is that of mapped addresses, 96 bits longer.
func (s *paramSetter) network(name string, n netip.Prefix) networkKey {
	if !n.IsValid() {
		s.fail(name, fmt.Errorf("%v is no network", n))
		return networkKey{}
	}
	k := networkKey{Bits: uint32(n.Bits()), Addr: n.Masked().Addr().As16()}
	if n.Addr().Is4() {
		k.Bits += 96
	}
	return k
}

//ebgen:end
//ebgen:if lists

// setList fills the map of a param that has several values, which it makes as large as
// these need. An empty list is a param that is not given.
func setList[K any](s *paramSetter, name string, keys []K) {
	if len(keys) == 0 {
		return
	}
	s.given(name)
	m := s.spec.Maps[name]
	if m == nil {
		return
	}
	m.MaxEntries = uint32(len(keys))
	for _, k := range keys {
		m.Contents = append(m.Contents, ebpf.MapKV{Key: k, Value: uint8(1)})
	}
}

//ebgen:end
