package ktype

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func TestConstant(t *testing.T) {
	k := fixture(t)
	for _, test := range []struct {
		name  string
		value int64
		enum  string
	}{
		{"TCP_CLOSE_WAIT", 8, ""},
		{"VERDICT_DROP", -1, "verdict"},
		{"WIDE_TOP", 1 << 40, "wide"},
		{"DEV_UP", 1, "device_flags"},
		{"SS_CONNECTED", 3, ""},
	} {
		c, ok := k.Constant(test.name)
		if !ok || c.Name != test.name || c.Value != test.value || c.Enum.Name != test.enum {
			t.Errorf("%s is %+v, %v, want %d of enum %q", test.name, c, ok, test.value, test.enum)
		}
	}
	for _, absent := range []string{
		"TCP_CLOSE",   // the beginning of a name
		"CLOSE_WAIT",  // its end
		"tcp_sendmsg", // in the string table, but of a function
		"verdict",     // an enum, not a value
		"OPT_UID",     // two values
		"",
	} {
		if c, ok := k.Constant(absent); ok {
			t.Errorf("%q is %+v, want none", absent, c)
		}
	}
}

func TestEnum(t *testing.T) {
	k := fixture(t)
	for _, test := range []struct{ name, want string }{
		{"tcp_state", "tcp_state() ESTABLISHED=1 CLOSE_WAIT=8 CLOSING=11"},
		{"verdict", "verdict(verdict) VERDICT_DROP=-1 VERDICT_PASS=1"},
		{"socket_state", "socket_state() SS_FREE=0 SS_CONNECTED=3"},
		{"device_flags", "device_flags(device_flags)| DEV_UP=1 DEV_BROADCAST=2 DEV_DEBUG=4"},
		{"shutdown_how", "shutdown_how() SHUT_RD=0 SHUT_WR=1 SHUT_RDWR=2"},
	} {
		e, ok := k.Enum(test.name)
		if !ok {
			t.Errorf("no enum %s", test.name)
			continue
		}
		if got := enumText(e); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	for _, absent := range []string{"port_t", "sock", "drop_reason", ""} { // the fixture has no drop reasons
		if e, ok := k.Enum(absent); ok {
			t.Errorf("%q is %s, want none", absent, enumText(e))
		}
	}
	if e := k.EnumOf(k.typeOf(fixInt)); e != nil {
		t.Errorf("an int has the names %s", enumText(e))
	}
}

// enumText writes an enum as name(tag) and its values, with a | when they are flags.
func enumText(e *Enum) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s(%s)", e.Name, e.Tag)
	if e.Flags {
		b.WriteByte('|')
	}
	for _, v := range e.Values {
		fmt.Fprintf(&b, " %s=%d", v.Name, v.Value)
	}
	return b.String()
}

// BTF older than Linux 6.0 does not say that an enum is signed.
func TestEnumOfOldBTF(t *testing.T) {
	old := func(name string, value uint64) *btf.Enum {
		return &btf.Enum{Name: name, Size: 4, Values: []btf.EnumValue{{Name: strings.ToUpper(name), Value: value}}}
	}
	k := open(t, marshal(t, old("minus", 0xffffffff), old("high_bit", 0x80000000), old("beyond_errno", 0xfffff000), old("errno_last", 0xfffff001)))
	for name, want := range map[string]int64{"MINUS": -1, "HIGH_BIT": 0x80000000, "BEYOND_ERRNO": 0xfffff000, "ERRNO_LAST": -4095} {
		if c, ok := k.Constant(name); !ok || c.Value != want {
			t.Errorf("%s is %d, %v, want %d", name, c.Value, ok, want)
		}
	}
	// As soon as one enum says so, the others are as they say.
	k = open(t, marshal(t, old("minus", 0xffffffff), fixSigned))
	if c, ok := k.Constant("MINUS"); !ok || c.Value != 0xffffffff {
		t.Errorf("in new BTF MINUS is %d, %v, want %d", c.Value, ok, 0xffffffff)
	}
}
