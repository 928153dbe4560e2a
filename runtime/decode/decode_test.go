package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

var order = binary.NativeEndian

// testEnv has a fixed clock, place and names.
func testEnv() Env {
	return Env{
		// 2026-11-03 16:00:00 UTC was the zero of CLOCK_MONOTONIC.
		Offset:   func() int64 { return time.Date(2026, 11, 3, 16, 0, 0, 0, time.UTC).UnixNano() },
		Location: time.FixedZone("IST", 5*3600+1800),
		Symbol: func(addr uint64) (string, string, uint64) {
			switch {
			case addr < 0xffffffff81000000:
				return "", "", 0
			case addr < 0xffffffffc0000000:
				return "vfs_read", "", addr - 0xffffffff81000000
			}
			return "nf_\"hook", "nf_tables", addr - 0xffffffffc0000000
		},
		Syscall: func(n int64) string { return map[int64]string{0: "read", 257: "openat"}[n] },
		Stacks: func(id uint64) ([]stack.Frame, bool) {
			frames, ok := testStacks[id]
			return frames, ok
		},
	}
}

var testEnums = []plan.Enum{
	{Name: "tcp_state", Values: []plan.EnumValue{{Name: "TCP_ESTABLISHED", Value: 1}, {Name: "TCP_CLOSE_WAIT", Value: 8}, {Name: "TCP_ALIAS", Value: 8}}},
	{Name: "open", Flags: true, Values: []plan.EnumValue{
		{Name: "O_RDONLY", Value: 0}, {Name: "O_WRONLY", Value: 1}, {Name: "O_CREAT", Value: 0x40}, {Name: "O_DSYNC", Value: 0x1000}, {Name: "O_SYNC", Value: 0x101000},
	}},
	{Name: "nameless", Flags: true, Values: []plan.EnumValue{{Name: "", Value: 0}, {Name: "NONE", Value: 0}, {Name: "", Value: 2}}},
	{Name: "hostile", Values: []plan.EnumValue{{Name: "\x1b[2J\"\n", Value: -1}}},
	{Name: "bit", Flags: true, Values: []plan.EnumValue{{Name: "BIT", Value: 1}}},
	{Name: "task_state", Flags: true, First: true, Values: []plan.EnumValue{
		{Name: "I", Value: 0x402}, {Name: "Z", Value: 0x20}, {Name: "D", Value: 2}, {Name: "D", Value: 0x1000}, {Name: "S", Value: 1}, {Name: "R", Value: 0},
	}},
}

func number(size int, signed bool, m plan.Meaning) plan.Type {
	return plan.Type{Kind: plan.Int, Size: size, Signed: signed, Meaning: m}
}

func enumOf(index, size int, signed bool) plan.Type {
	return plan.Type{Kind: plan.Enumer, Size: size, Signed: signed, Enum: index}
}

func text16(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }

func ip(s string) []byte {
	a := netip.MustParseAddr(s).As16()
	return a[:]
}

func flowOf(src, dst string) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	b := slices.Concat(ip(s.Addr().String()), ip(d.Addr().String()))
	b = order.AppendUint16(b, s.Port())
	b = order.AppendUint16(b, d.Port())
	return append(b, 0, 0, 0, 0)
}

func ownerOf(pid uint32, comm string) []byte {
	return append(order.AppendUint32(nil, pid), text16(comm)...)
}

var (
	stringType  = plan.Type{Kind: plan.String, Size: 16}
	bytesType   = plan.Type{Kind: plan.Bytes, Size: 4}
	ipType      = plan.Type{Kind: plan.IP, Size: 16}
	flowType    = plan.Type{Kind: plan.Flow, Size: plan.FlowSize}
	ownerType   = plan.Type{Kind: plan.Owner, Size: plan.OwnerSize}
	boolType    = plan.Type{Kind: plan.Bool, Size: 1}
	pointer     = plan.Type{Kind: plan.Pointer, Size: 8}
	symbolStack = plan.Type{Kind: plan.Stack, Size: plan.StackSize, User: true, Meaning: plan.Symbol}
	stackType   = plan.Type{Kind: plan.Stack, Size: plan.StackSize}
)

// testStacks has a stack of a hostile name, a file without names and an inlined frame, and two
// addresses.
var testStacks = map[uint64][]stack.Frame{1: {
	{Name: "\x1b\"a;b", Offset: 0x1f, Module: "/opt/x", Address: 0x1001f, File: "src/x.c", Line: 7},
	{Module: "/lib/libc.so.6", Address: 0x7f0000000001},
	{Name: "main", Address: 0x10100, File: "main.rs", Inlined: true},
}, 3: {
	{Name: "inlined", Module: "/opt/x", Address: 0x1001f, Inlined: true},
	{Name: "told", Offset: 0x1f, Module: "/opt/x", Address: 0x1001f},
}, 4: {
	{Address: 0x7f0000000001},
}}

// u gives the low size bytes of v in this machine's order.
func u(size int, v int64) []byte {
	switch size {
	case 1:
		return []byte{byte(v)}
	case 2:
		return order.AppendUint16(nil, uint16(v))
	case 4:
		return order.AppendUint32(nil, uint32(v))
	}
	return order.AppendUint64(nil, uint64(v))
}

func floatOf(m plan.Meaning) plan.Type {
	return plan.Type{Kind: plan.Float, Size: 8, Meaning: m}
}

func f64(v float64) []byte { return order.AppendUint64(nil, math.Float64bits(v)) }

// testHistograms are of powers of two, of the same with a sign, and of steps.
var testHistograms = []plan.Histogram{
	{},
	{Signed: true},
	{Linear: true, Low: 0, High: 1_000_000, Step: 250_000},
	{Linear: true, Low: -10, High: 10, Step: 10, Signed: true},
	{Bits: 4},
}

func histOf(index int, m plan.Meaning) plan.Type {
	return plan.Type{Kind: plan.Hist, Size: 8 * testHistograms[index-1].Buckets(), Meaning: m, Hist: index}
}

// counted gives the buckets of a histogram that counted each value once.
func counted(index int, values ...int64) []byte {
	h := &testHistograms[index-1]
	counts := make([]byte, 8*h.Buckets())
	for _, v := range values {
		at := counts[8*h.Index(uint64(v)):]
		order.PutUint64(at, order.Uint64(at)+1)
	}
	return counts
}

// cases lists every kind and meaning with what becomes of it. An empty raw is the text
// again, an empty json raw again.
var cases = []struct {
	name            string
	typ             plan.Type
	bytes           []byte
	text, raw, json string
}{
	{"u8", number(1, false, plan.Plain), u(1, 255), "255", "", ""},
	{"s8", number(1, true, plan.Plain), u(1, -1), "-1", "", ""},
	{"u16", number(2, false, plan.Plain), u(2, -1), "65535", "", ""},
	{"s16", number(2, true, plan.Plain), u(2, -2), "-2", "", ""},
	{"u32", number(4, false, plan.Plain), u(4, -1), "4294967295", "", ""},
	{"s32", number(4, true, plan.Plain), u(4, math.MinInt32), "-2147483648", "", ""},
	{"u64", number(8, false, plan.Plain), u(8, -1), "18446744073709551615", "", ""},
	{"s64", number(8, true, plan.Plain), u(8, math.MinInt64), "-9223372036854775808", "", ""},
	{"hex of a negative", number(2, true, plan.Hex), u(2, -1), "0xffff", "", `"0xffff"`},
	{"hex", number(8, false, plan.Hex), u(8, 0x1f), "0x1f", "", `"0x1f"`},
	{"pointer", pointer, u(8, -4096), "0xfffffffffffff000", "", `"0xfffffffffffff000"`},
	{"false", boolType, []byte{0}, "false", "", ""},
	{"true", boolType, []byte{2}, "true", "", ""},

	{"time", number(8, false, plan.Time), u(8, 1_500_000_000), "21:30:01.500000", "2026-11-03T16:00:01.500000000Z", `"2026-11-03T16:00:01.500000000Z"`},
	{"time is cut", number(8, false, plan.Time), u(8, 1_999_999_999), "21:30:01.999999", "2026-11-03T16:00:01.999999999Z", `"2026-11-03T16:00:01.999999999Z"`},
	{"ns", number(8, false, plan.Duration), u(8, 999), "999ns", "999", ""},
	{"us", number(8, false, plan.Duration), u(8, 1000), "1.000us", "1000", ""},
	{"ms", number(8, false, plan.Duration), u(8, 1_234_567), "1.234ms", "1234567", ""},
	{"duration is cut", number(8, false, plan.Duration), u(8, 999_999_999), "999.999ms", "999999999", ""},
	{"s", number(8, false, plan.Duration), u(8, 3_600_001_000_000), "3600.001s", "3600001000000", ""},
	{"longest duration", number(8, false, plan.Duration), u(8, -1), "18446744073.709s", "18446744073709551615", ""},
	{"negative duration", number(8, true, plan.Duration), u(8, -1_500), "-1.500us", "-1500", ""},
	{"most negative duration", number(8, true, plan.Duration), u(8, math.MinInt64), "-9223372036.854s", "-9223372036854775808", ""},
	{"duration of 32 bits", number(4, true, plan.Duration), u(4, -5), "-5ns", "-5", ""},

	{"no bytes", number(4, false, plan.ByteSize), u(4, 0), "0B", "0", ""},
	{"bytes", number(4, false, plan.ByteSize), u(4, 1023), "1023B", "1023", ""},
	{"a page", number(4, false, plan.ByteSize), u(4, 4096), "4.0KiB", "4096", ""},
	{"size is cut", number(4, false, plan.ByteSize), u(4, 1<<20-1), "1023.9KiB", "1048575", ""},
	{"largest size", number(8, false, plan.ByteSize), u(8, -1), "15.9EiB", "18446744073709551615", ""},
	{"negative size", number(4, true, plan.ByteSize), u(4, -2048), "-2.0KiB", "-2048", ""},
	{"port", number(2, false, plan.Port), u(2, 443), "443", "", ""},

	{"errno", number(4, true, plan.Errno), u(4, -2), "-ENOENT", "-2", ""},
	{"errno in a u32", number(4, false, plan.Errno), u(4, -104), "-ECONNRESET", "-104", ""},
	{"errno of the kernel", number(8, true, plan.Errno), u(8, -512), "-ERESTARTSYS", "-512", ""},
	{"no error", number(4, true, plan.Errno), u(4, 4096), "4096", "", ""},
	{"no errno", number(4, true, plan.Errno), u(4, -4000), "-4000", "", ""},
	{"large u32", number(4, false, plan.Errno), u(4, math.MinInt32), "2147483648", "", ""},
	{"most negative errno", number(8, true, plan.Errno), u(8, math.MinInt64), "-9223372036854775808", "", ""},

	{"ksym", number(8, false, plan.Symbol), u(8, -0x7effffe1), "vfs_read+0x1f", "", `"vfs_read+0x1f"`},
	{"ksym at its start", number(8, false, plan.Symbol), u(8, -0x7f000000), "vfs_read", "", `"vfs_read"`},
	{"ksym of a module", pointerTo(plan.Symbol), u(8, -0x3ffffff0), `nf_"hook+0x10 [nf_tables]`, "", `"nf_\"hook+0x10 [nf_tables]"`},
	{"no ksym", number(8, false, plan.Symbol), u(8, 0x400000), "0x400000", "", `"0x400000"`},
	{"syscall", number(8, true, plan.Syscall), u(8, 257), "openat", "", `"openat"`},
	{"no syscall", number(8, true, plan.Syscall), u(8, -1), "-1", "", `"-1"`},
	{"signal", number(4, true, plan.Signal), u(4, 9), "SIGKILL", "", `"SIGKILL"`},
	{"first real-time signal", number(4, true, plan.Signal), u(4, 32), "SIGRT_0", "", `"SIGRT_0"`},
	{"last real-time signal", number(4, true, plan.Signal), u(4, 64), "SIGRT_32", "", `"SIGRT_32"`},
	{"signal 0", number(4, true, plan.Signal), u(4, 0), "0", "", `"0"`},
	{"signal 65", number(4, true, plan.Signal), u(4, 65), "65", "", `"65"`},
	{"file", number(2, false, plan.Mode), u(2, 0o100644), "-rw-r--r--", "", `"-rw-r--r--"`},
	{"directory", number(2, false, plan.Mode), u(2, 0o041777), "drwxrwxrwt", "", `"drwxrwxrwt"`},
	{"setuid", number(4, false, plan.Mode), u(4, 0o106711), "-rws--s--x", "", `"-rws--s--x"`},
	{"special without x", number(4, false, plan.Mode), u(4, 0o067000), "b--S--S--T", "", `"b--S--S--T"`},
	{"mode of open", number(2, false, plan.Mode), u(2, 0o600), "?rw-------", "", `"?rw-------"`},
	{"no mode", number(4, false, plan.Mode), u(4, 0o1000000), "01000000", "", `"01000000"`},
	{"dev", number(4, false, plan.Device), u(4, 259<<20|5), "259:5", "", `"259:5"`},

	{"enum", enumOf(1, 1, false), u(1, 8), "TCP_CLOSE_WAIT", "", `"TCP_CLOSE_WAIT"`},
	{"unknown of an enum", enumOf(1, 4, true), u(4, -9), "-9", "", `"-9"`},
	{"enum without names", enumOf(0, 4, false), u(4, 8), "8", "", ""},
	{"negative enum", enumOf(4, 4, true), u(4, -1), `\x1b[2J"\x0a`, "", `"\u001b[2J\"\u000a"`},
	{"negative enum in a u16", enumOf(4, 2, false), u(2, -1), `\x1b[2J"\x0a`, "", `"\u001b[2J\"\u000a"`},
	{"flag", enumOf(2, 4, true), u(4, 0x40), "O_CREAT", "", `"O_CREAT"`},
	{"flags", enumOf(2, 4, true), u(4, 0x101041), "O_SYNC|O_WRONLY|O_CREAT", "", `"O_SYNC|O_WRONLY|O_CREAT"`},
	{"flags and more", enumOf(2, 4, true), u(4, math.MinInt32|1), "O_WRONLY|0x80000000", "", `"O_WRONLY|0x80000000"`},
	{"unknown flags", enumOf(2, 2, false), u(2, 0x80), "0x80", "", `"0x80"`},
	{"no flags", enumOf(2, 4, true), u(4, 0), "O_RDONLY", "", `"O_RDONLY"`},

	{"no flags and no name for it", enumOf(5, 4, false), u(4, 0), "0", "", `"0"`},
	{"nameless flag", enumOf(3, 4, false), u(4, 6), "|0x4", "", `"|0x4"`},

	{"idle", enumOf(6, 4, false), u(4, 0x402), "I", "", `"I"`},
	{"killable", enumOf(6, 8, true), u(8, 0x102), "D", "", `"D"`},
	{"a zombie", enumOf(6, 4, false), u(4, 0xa2), "Z", "", `"Z"`},
	{"waits for a lock", enumOf(6, 4, false), u(4, 0x1000), "D", "", `"D"`},
	{"none of the shown", enumOf(6, 4, false), u(4, 0x800), "R", "", `"R"`},
	{"running", enumOf(6, 4, false), u(4, 0), "R", "", `"R"`},
	{"a byte has no bit of D", enumOf(6, 1, false), u(1, 0x40), "R", "", `"R"`},

	{"string", stringType, text16("phonepe-gw"), "phonepe-gw", "", `"phonepe-gw"`},
	{"no string", stringType, text16(""), "", "", `""`},
	{"string that is cut", stringType, []byte("0123456789abcdef"), "0123456789abcde…", "", `"0123456789abcde…"`},
	{"string that is cut within a character", stringType, []byte("0123456789abcdä"), "0123456789abcd…", "", `"0123456789abcd…"`},
	{"bytes as text without NUL", plan.Type{Kind: plan.String, Size: 16, Meaning: plan.Text}, []byte("0123456789abcdef"), "0123456789abcdef", "", `"0123456789abcdef"`},
	{"string ends at NUL", stringType, text16("a\x00b"), "a", "", `"a"`},
	{"escape", stringType, text16("\x1b]0;x\x07\r\n\t"), `\x1b]0;x\x07\x0d\x0a\x09`, "", `"\u001b]0;x\u0007\u000d\u000a\u0009"`},
	{"C1", stringType, text16("\u009b31m\x7f"), `\u009b31m\x7f`, "", `"\u009b31m\u007f"`},
	{"reversed", stringType, text16("\u202egpj.exe"), `\u202egpj.exe`, "", `"\u202egpj.exe"`},
	{"tag", stringType, text16("a\U000e0041"), `a\U000e0041`, "", `"a\udb40\udc41"`},
	{"not UTF-8", stringType, text16("\xff\xc3("), `\xff\xc3(`, "", `"\\xff\\xc3("`},
	{"UTF-8", stringType, text16("日本é😀"), "日本é😀", "", `"日本é😀"`},
	{"quote", stringType, text16(`say "a\b"`), `say "a\b"`, "", `"say \"a\\b\""`},
	{"string as hex", plan.Type{Kind: plan.String, Size: 2, Meaning: plan.Hex}, []byte("a\x00"), "6100", "", `"6100"`},
	{"bytes as hex", bytesType, []byte{0xde, 0xad, 0, 1}, "dead0001", "", `"dead0001"`},
	{"bytes as text", plan.Type{Kind: plan.Bytes, Size: 4, Meaning: plan.Text}, []byte("a\x01\x00b"), `a\x01`, "", `"a\u0001"`},
	{"string as text", plan.Type{Kind: plan.String, Size: 2, Meaning: plan.Text}, []byte("a\x00"), "a", "", `"a"`},
	{"bytes in hex", plan.Type{Kind: plan.Bytes, Size: 2, Meaning: plan.Hex}, []byte{1, 0xff}, "01ff", "", `"01ff"`},
	{"pointer in hex", pointerTo(plan.Hex), u(8, 1), "0x1", "", `"0x1"`},
	{"pointer to a function", pointerTo(plan.Symbol), u(8, -0x7f000000), "vfs_read", "", `"vfs_read"`},
	{"IPv4", ipType, ip("10.4.2.18"), "10.4.2.18", "", `"10.4.2.18"`},
	{"IPv6", ipType, ip("2001:db8::1"), "2001:db8::1", "", `"2001:db8::1"`},
	{"flow", flowType, flowOf("10.4.2.18:443", "10.4.5.91:51284"), "10.4.2.18:443 → 10.4.5.91:51284", "",
		`{"saddr":"10.4.2.18","sport":443,"daddr":"10.4.5.91","dport":51284}`},
	{"flow of IPv6", flowType, flowOf("[::1]:443", "[fe80::2]:9"), "[::1]:443 → [fe80::2]:9", "",
		`{"saddr":"::1","sport":443,"daddr":"fe80::2","dport":9}`},
	{"owner", ownerType, ownerOf(8421, "phonepe-gw"), "8421 phonepe-gw", "", `{"pid":8421,"comm":"phonepe-gw"}`},
	{"float", floatOf(plan.Plain), f64(33.0 / 7), "4.71", "4.714285714285714", ""},
	{"whole float", floatOf(plan.Plain), f64(-4), "-4.00", "-4", ""},
	{"small float", floatOf(plan.Plain), f64(1.25e-7), "0.00", "1.25e-07", ""},
	{"zero", floatOf(plan.Plain), f64(0), "0.00", "0", ""},
	{"large float", floatOf(plan.Plain), f64(1 << 64), "18446744073709551616.00", "18446744073709552000", ""},
	{"largest float", floatOf(plan.Plain), f64(math.MaxFloat64), "1.7976931348623157e+308", "", ""},
	{"mean duration", floatOf(plan.Duration), f64(1_234_567.891), "1.234ms", "1234567.891", ""},
	{"negative mean duration", floatOf(plan.Duration), f64(-1500.5), "-1.500us", "-1500.5", ""},
	{"duration below 1 ns", floatOf(plan.Duration), f64(-0.5), "0ns", "-0.5", ""},
	{"duration beyond u64", floatOf(plan.Duration), f64(-2e21), "-2e+21ns", "-2e+21", ""},
	{"mean size", floatOf(plan.ByteSize), f64(1<<20 - 0.5), "1023.9KiB", "1048575.5", ""},
	{"size beyond u64", floatOf(plan.ByteSize), f64(1 << 64), "18446744073709552000B", "18446744073709552000", ""},
	{"mean time", floatOf(plan.Time), f64(1_500_000_000.5), "21:30:01.500000", "2026-11-03T16:00:01.500000000Z", `"2026-11-03T16:00:01.500000000Z"`},
	{"histogram", histOf(1, plan.Plain), counted(1, 0, 1, 5, 5, 5, -1), `[{"low":0,"high":0,"count":1},{"low":1,"high":1,"count":1},{"low":4,"high":7,"count":3},{"low":9223372036854775808,"high":18446744073709551615,"count":1}]`, "", ""},
	{"histogram with a sign", histOf(2, plan.Duration), counted(2, -7, 0, math.MaxInt64), `[{"low":null,"high":-1,"count":1},{"low":0,"high":0,"count":1},{"low":4611686018427387904,"high":9223372036854775807,"count":1}]`, "", ""},
	{"linear histogram", histOf(4, plan.Plain), counted(4, -11, -10, 9, 10), `[{"low":null,"high":-11,"count":1},{"low":-10,"high":-1,"count":1},{"low":0,"high":9,"count":1},{"low":10,"high":null,"count":1}]`, "", ""},
	{"fine histogram", histOf(5, plan.Plain), counted(5, 15, 1000), `[{"low":15,"high":15,"count":1},{"low":992,"high":1023,"count":1}]`, "", ""},
	{"empty histogram", histOf(1, plan.Plain), counted(1), "[]", "", ""},
	{"stack", stackType, u(8, 1), "main;[libc.so.6];\\x1b\"a:b", "", `[{"name":"\u001b\"a;b","offset":31,"module":"/opt/x","file":"src/x.c","line":7,"address":"0x1001f"},{"module":"/lib/libc.so.6","address":"0x7f0000000001"},{"name":"main","file":"main.rs","inlined":true,"address":"0x10100"}]`},
	{"usym", symbolStack, u(8, 3), `told+0x1f [x]`, "", `"told+0x1f [x]"`},
	{"usym without a name", symbolStack, u(8, 4), "0x7f0000000001", "", `"0x7f0000000001"`},
	{"empty stack", stackType, u(8, 0), "", "", "[]"},
	{"hostile owner", ownerType, ownerOf(1, "\x1b\"\xff"), `1 \x1b"\xff`, "", `{"pid":1,"comm":"\u001b\"\\xff"}`},
}

func pointerTo(m plan.Meaning) plan.Type {
	return plan.Type{Kind: plan.Pointer, Size: 8, Meaning: m}
}

// one is a plan whose record holds one field after the absent word.
func one(t plan.Type) *plan.Plan {
	size := (8 + t.Size + 7) &^ 7
	return &plan.Plan{Name: "test", Enums: testEnums, Histograms: testHistograms, Record: plan.Record{
		Size: size, Fields: []plan.Field{{Name: "f", Type: t, Offset: 8, Bit: 5}},
	}}
}

func TestForms(t *testing.T) {
	tried := map[plan.Kind]map[plan.Meaning]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if tried[c.typ.Kind] == nil {
				tried[c.typ.Kind] = map[plan.Meaning]bool{}
			}
			tried[c.typ.Kind][c.typ.Meaning] = true
			p := one(c.typ)
			d, err := New(p, testEnv())
			if err != nil {
				t.Fatal(err)
			}
			rec := make([]byte, p.Record.Size)
			copy(rec[8:], c.bytes)
			col := d.Columns()[0]
			wantRaw, wantJSON := c.raw, c.json
			if wantRaw == "" {
				wantRaw = c.text
			}
			if wantJSON == "" {
				wantJSON = wantRaw
			}
			for _, form := range []struct {
				name  string
				write Append
				want  string
			}{{"text", col.Text, c.text}, {"raw", col.Raw, wantRaw}, {"json", col.JSON, wantJSON}} {
				// Twice, since some forms keep what they wrote last.
				for range 2 {
					if got := string(form.write([]byte("> "), rec)); got != "> "+form.want {
						t.Errorf("%s: %s, want > %s", form.name, got, form.want)
					}
				}
			}
			if !json.Valid([]byte(wantJSON)) {
				t.Errorf("%s is not JSON", wantJSON)
			}
			order.PutUint64(rec, ^uint64(0))
			if got := string(col.Text(nil, rec)) + " " + string(col.Raw(nil, rec)) + " " + string(col.JSON(nil, rec)); got != "?  null" {
				t.Errorf("absent: %q", got)
			}
			order.PutUint64(rec, ^uint64(1<<5))
			if got := string(col.Text(nil, rec)); got != c.text {
				t.Errorf("the other bits of the absent word: %q", got)
			}
		})
	}
	for kind, ms := range forms {
		for m := range ms {
			// An enum shares with the integers all but its plain form; of a histogram the
			// meaning is that of the bounds (TestBounds).
			if !tried[kind][m] && (kind != plan.Enumer && kind != plan.Hist || m == plan.Plain) {
				t.Errorf("kind %q as %q is not tried", kind, m)
			}
		}
	}
}

func TestOwnerUnknown(t *testing.T) {
	p := one(ownerType)
	p.Record.Fields[0].Bit = -1
	d, err := New(p, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	rec := make([]byte, p.Record.Size)
	copy(rec[8:], ownerOf(0, "stale"))
	c := d.Columns()[0]
	for _, c := range append([]Column{c}, c.Parts...) {
		if text, raw, json := string(c.Text(nil, rec)), string(c.Raw(nil, rec)), string(c.JSON(nil, rec)); text != "?" || raw != "" || json != "null" {
			t.Errorf("%s: %q %q %q", c.Name, text, raw, json)
		}
	}
}

// TestNotFinite shows that what JSON has no number for is no value.
func TestNotFinite(t *testing.T) {
	for _, m := range []plan.Meaning{plan.Plain, plan.Duration, plan.ByteSize, plan.Time} {
		d, err := New(one(floatOf(m)), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		values := []float64{math.NaN(), math.Inf(1), math.Inf(-1)}
		if m == plan.Time {
			values = append(values, 1<<63, -1<<63)
		}
		for _, v := range values {
			rec := append(make([]byte, 8), f64(v)...)
			c := d.Columns()[0]
			if text, raw, json := string(c.Text(nil, rec)), string(c.Raw(nil, rec)), string(c.JSON(nil, rec)); text != "?" || raw != "" || json != "null" {
				t.Errorf("%v as %q: %q %q %q", v, m, text, raw, json)
			}
		}
	}
}

func TestSelect(t *testing.T) {
	p := &plan.Plan{Name: "test", Record: plan.Record{Size: 48, Absent: -1, Fields: []plan.Field{
		{Name: "pid", Type: number(4, false, plan.Plain), Offset: 40, Bit: -1},
		{Name: "flow", Type: flowType, Bit: -1},
	}}}
	d, err := New(p, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	rec := slices.Concat(flowOf("10.0.0.1:1", "10.0.0.2:2"), u(8, 7))
	for _, c := range []struct {
		names []string
		want  string
		err   string
	}{
		{nil, "7 10.0.0.1:1 → 10.0.0.2:2", ""},
		{[]string{"flow", "pid"}, "10.0.0.1:1 → 10.0.0.2:2 7", ""},
		{[]string{"flow.dport", "flow.saddr"}, "2 10.0.0.1", ""},
		{[]string{"pid", "pid"}, "", `column "pid" is asked for twice`},
		{[]string{"flow.port"}, "", `no column "flow.port"; there are pid, flow`},
	} {
		columns, err := d.Select(c.names)
		var wrong *ColumnError
		if errors.As(err, &wrong) != (c.err != "") || wrong != nil && wrong.Error() != c.err {
			t.Errorf("%v: error %v, want %q", c.names, err, c.err)
		}
		var got []string
		for _, column := range columns {
			got = append(got, string(column.Text(nil, rec)))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v: %q, want %q", c.names, s, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	p := &plan.Plan{Name: "test", Histograms: testHistograms, Record: plan.Record{Size: 192, Absent: 128, Fields: []plan.Field{
		{Name: "flow", Type: flowType, Offset: 0, Bit: -1},
		{Name: "owner", Type: ownerType, Offset: 40, Bit: -1},
		{Name: "ret", Type: number(4, true, plan.Errno), Offset: 60, Bit: -1},
		{Name: "comm", Type: stringType, Offset: 64, Bit: 0},
		{Name: "addr", Type: ipType, Offset: 80, Bit: 1},
		{Name: "ok", Type: boolType, Offset: 96, Bit: -1},
		{Name: "raw", Type: bytesType, Offset: 97, Bit: -1},
		{Name: "ptr", Type: pointer, Offset: 104, Bit: -1},
		{Name: "mean", Type: floatOf(plan.Plain), Offset: 136, Bit: -1},
		{Name: "hist", Type: histOf(3, plan.Plain), Offset: 144, Bit: -1},
	}}}
	d, err := New(p, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	rec := make([]byte, p.Record.Size)
	copy(rec, slices.Concat(flowOf("10.0.0.1:1", "[2001:db8::1]:2"), ownerOf(42, "nginx"), u(4, -13), text16("bash"), ip("1.2.3.4"), []byte{1, 9, 8, 7, 6}))
	copy(rec[104:], u(8, -1))
	copy(rec[128:], u(8, 1<<1))
	copy(rec[136:], slices.Concat(f64(0.25), counted(3, 249_999, 1_000_000, 1_000_001)))
	v, err := d.Decode(rec)
	if err != nil {
		t.Fatal(err)
	}
	local, remote := v[0].Flow()
	pid, comm := v[1].Owner()
	for _, c := range []struct{ got, want any }{
		{len(v), 10},
		{v[0].Name, "flow"},
		{local, netip.MustParseAddrPort("10.0.0.1:1")},
		{remote, netip.MustParseAddrPort("[2001:db8::1]:2")},
		{pid, uint32(42)},
		{comm, "nginx"},
		{v[2].Int(), int64(-13)},
		{v[2].Uint(), uint64(math.MaxUint32 - 12)},
		{v[3].Text(), "bash"},
		{v[3].Absent, false},
		{v[4].Addr(), netip.MustParseAddr("1.2.3.4")},
		{v[4].Absent, true},
		{v[5].Bool(), true},
		{bytes.Equal(v[6].Bytes(), []byte{9, 8, 7, 6}), true},
		{v[7].Uint(), uint64(math.MaxUint64)},
		{v[8].Float(), 0.25},
		{slices.Equal(v[9].Counts(), []uint64{0, 1, 0, 0, 0, 2}), true},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	for _, size := range []int{0, 191, 193} {
		if _, err := d.Decode(make([]byte, size)); !errors.Is(err, ErrRecordSize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestAllocations holds every form to what a busy tracer needs: once dst has grown, a
// record costs no memory.
func TestAllocations(t *testing.T) {
	for _, c := range cases {
		p := one(c.typ)
		d, err := New(p, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		rec := make([]byte, p.Record.Size)
		copy(rec[8:], c.bytes)
		col := d.Columns()[0]
		dst := make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(10, func() {
			dst = col.JSON(col.Raw(col.Text(dst[:0], rec), rec), rec)
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
