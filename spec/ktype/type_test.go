package ktype

import (
	"errors"
	"testing"
)

func TestNamed(t *testing.T) {
	k := fixture(t)
	for _, test := range []struct {
		keyword, name string
		want          Type
		spelled       string
	}{
		{"struct", "sock", Type{Kind: Struct, Size: 24, Name: "sock"}, "struct sock"},
		{"union", "either", Type{Kind: Struct, Size: 4, Name: "either", Union: true}, "union either"},
		{"enum", "verdict", Type{Kind: Enumer, Size: 4, Signed: true, Name: "verdict"}, "enum verdict"},
		{"enum", "wide", Type{Kind: Enumer, Size: 8, Name: "wide"}, "enum wide"},
		{"", "socket_state", Type{Kind: Enumer, Size: 4, Typedef: "socket_state"}, "socket_state"},
		{"", "__be16", Type{Kind: Int, Size: 2, BigEndian: true, Name: "short unsigned int", Typedef: "__be16"}, "__be16"},
		{"", "port_t", Type{Kind: Int, Size: 2, BigEndian: true, Name: "short unsigned int", Typedef: "port_t"}, "port_t"},
		{"", "__sum16", Type{Kind: Int, Size: 2, Name: "short unsigned int", Typedef: "__sum16"}, "__sum16"},
		{"", "handler_t", Type{Kind: Pointer, Size: 8, Typedef: "handler_t"}, "handler_t"},
		{"struct", "same", Type{Kind: Struct, Size: 4, Name: "same"}, "struct same"},
		// No BTF in the fixture has these.
		{"", "u64", Type{Kind: Int, Size: 8, Name: "u64", Typedef: "u64"}, "u64"},
		{"", "s8", Type{Kind: Int, Size: 1, Signed: true, Name: "s8", Typedef: "s8"}, "s8"},
		{"", "__be64", Type{Kind: Int, Size: 8, BigEndian: true, Name: "__be64", Typedef: "__be64"}, "__be64"},
		{"", "pid_t", Type{Kind: Int, Size: 4, Signed: true, Name: "pid_t", Typedef: "pid_t"}, "pid_t"},
		{"", "bool", Type{Kind: Bool, Size: 1, Name: "bool", Typedef: "bool"}, "bool"},
		{"", "void", Type{Kind: Void, Name: "void"}, "void"},
		{"", "unsigned long", Type{Kind: Int, Size: 8, Name: "unsigned long"}, "unsigned long"},
		{"", "long long unsigned int", Type{Kind: Int, Size: 8, Name: "long long unsigned int"}, "long long unsigned int"},
		{"", "unsigned", Type{Kind: Int, Size: 4, Name: "unsigned"}, "unsigned"},
		{"", "short", Type{Kind: Int, Size: 2, Signed: true, Name: "short"}, "short"},
		{"", "signed char", Type{Kind: Int, Size: 1, Signed: true, Name: "signed char"}, "signed char"},
		{"", "char", Type{Kind: Int, Size: 1, Signed: true, Name: "char"}, "char"}, // as the fixture's BTF has it
	} {
		got, err := k.Named(test.keyword, test.name)
		if err != nil {
			t.Errorf("%s %s: %v", test.keyword, test.name, err)
			continue
		}
		if plain(got) != test.want {
			t.Errorf("%s %s is %+v, want %+v", test.keyword, test.name, plain(got), test.want)
		}
		if got.String() != test.spelled {
			t.Errorf("%s %s is spelled %q, want %q", test.keyword, test.name, got, test.spelled)
		}
	}
}

// plain is a type without its ways back to the kernel.
func plain(t Type) Type {
	t.raw, t.elem, t.kernel = nil, nil, nil
	return t
}

func TestNamedUnknown(t *testing.T) {
	k := fixture(t)
	for _, test := range []struct {
		keyword, name, message string
		nearest                string // the first hint, "" for none
	}{
		{"struct", "tcp_sok", `kernel 6.6.6-fixture has no struct "tcp_sok"`, "tcp_sock"},
		{"union", "ether", `kernel 6.6.6-fixture has no union "ether"`, "either"},
		{"enum", "verdct", `kernel 6.6.6-fixture has no enum "verdct"`, "verdict"},
		{"", "prt_t", `kernel 6.6.6-fixture has no type "prt_t"`, "port_t"},
		{"struct", "zzzzzz", `kernel 6.6.6-fixture has no struct "zzzzzz"`, ""},
		{"", "unsigned sock", `kernel 6.6.6-fixture has no type "unsigned sock"`, ""},
		{"", "", `kernel 6.6.6-fixture has no type ""`, ""},
	} {
		_, err := k.Named(test.keyword, test.name)
		var missing *NotFound
		if !errors.As(err, &missing) || !errors.Is(err, ErrNotFound) {
			t.Errorf("%s %s: %v is no *NotFound", test.keyword, test.name, err)
			continue
		}
		if err.Error() != test.message {
			t.Errorf("message %q, want %q", err, test.message)
		}
		first := ""
		if near := missing.Nearest(); len(near) > 0 {
			first = near[0]
		}
		if first != test.nearest {
			t.Errorf("%s %s: nearest is %q, want %q", test.keyword, test.name, first, test.nearest)
		}
	}
	if _, err := k.Named("struct", "twin"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("two different structs of one tag: %v, want ErrAmbiguous", err)
	}
}

func TestIsTypedef(t *testing.T) {
	k := fixture(t)
	for name, want := range map[string]bool{
		"port_t": true, "u16": true, "pid_t": true, "unsigned int": true, "char": true, "void": true,
		"sock": false, "tcp_state": false, "TCP_CLOSE_WAIT": false, "x": false, "": false,
	} {
		if got := k.IsTypedef(name); got != want {
			t.Errorf("IsTypedef(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestTypeSpelling(t *testing.T) {
	k := fixture(t)
	sock, err := k.Named("struct", "sock")
	if err != nil {
		t.Fatal(err)
	}
	char := k.typeOf(fixChar)
	for _, test := range []struct {
		t    Type
		want string
	}{
		{PointerTo(sock), "struct sock *"},
		{PointerTo(PointerTo(sock)), "struct sock **"},
		{arrayOf(char, 16), "char [16]"},
		{arrayOf(arrayOf(char, 16), 2), "char [2][16]"},
		{PointerTo(arrayOf(char, 16)), "char (*)[16]"},
		{arrayOf(PointerTo(char), 4), "char *[4]"},
		{PointerTo(k.typeOf(fixVoid)), "void (*)(void)"},
		{arrayOf(PointerTo(k.typeOf(fixSendmsg)), 2), "int (*[2])(struct sock *, char *, long int)"},
		{k.typeOf(fixUserPointer), "char *"},
		{k.typeOf(fixStates), "enum {…}"},
		{k.typeOf(fixHuge), "__int128"},
		{Type{}, "?"},
	} {
		if got := test.t.String(); got != test.want {
			t.Errorf("spelled %q, want %q", got, test.want)
		}
	}
	if u := k.typeOf(fixUserPointer); !u.User || u.Kind != Pointer || plain(u.Elem()).Name != "char" {
		t.Errorf("a __user pointer to char is %+v to %+v", u, u.Elem())
	}
	for _, odd := range []Type{k.typeOf(fixHuge), k.typeOf(fixFloat)} {
		if odd.Kind != Unknown {
			t.Errorf("%s has kind %q, want Unknown", odd, odd.Kind)
		}
	}
}
