package ktype

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// The fixture is a small kernel: the shapes that real BTF has, none of its size. It is
// built here and not compiled, so that the tests need neither clang nor a kernel.

var (
	fixInt   = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	fixUint  = &btf.Int{Name: "unsigned int", Size: 4}
	fixLong  = &btf.Int{Name: "long int", Size: 8, Encoding: btf.Signed}
	fixChar  = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	fixUchar = &btf.Int{Name: "unsigned char", Size: 1}
	fixShort = &btf.Int{Name: "short unsigned int", Size: 2}
	fixBool  = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}
	fixHuge  = &btf.Int{Name: "__int128", Size: 16, Encoding: btf.Signed}
	fixFloat = &btf.Float{Name: "double", Size: 8}

	fixU16  = &btf.Typedef{Name: "u16", Type: &btf.Typedef{Name: "__u16", Type: fixShort}}
	fixBe16 = &btf.Typedef{Name: "__be16", Type: &btf.Typedef{Name: "__u16", Type: fixShort}}
	fixPort = &btf.Typedef{Name: "port_t", Type: &btf.Const{Type: fixBe16}}
	fixSum  = &btf.Typedef{Name: "__sum16", Type: &btf.Typedef{Name: "__u16", Type: fixShort}}

	fixStates = &btf.Enum{Size: 4, Values: []btf.EnumValue{
		{Name: "TCP_ESTABLISHED", Value: 1}, {Name: "TCP_CLOSE_WAIT", Value: 8}, {Name: "TCP_CLOSING", Value: 11},
	}}
	fixSigned = &btf.Enum{Name: "verdict", Size: 4, Signed: true, Values: []btf.EnumValue{
		{Name: "VERDICT_PASS", Value: 1}, {Name: "VERDICT_DROP", Value: 0xffffffffffffffff},
	}}
	fixWide  = &btf.Enum{Name: "wide", Size: 8, Values: []btf.EnumValue{{Name: "WIDE_TOP", Value: 1 << 40}}}
	fixFlags = &btf.Enum{Name: "device_flags", Size: 4, Values: []btf.EnumValue{
		{Name: "DEV_UP", Value: 1}, {Name: "DEV_BROADCAST", Value: 2}, {Name: "DEV_DEBUG", Value: 4},
	}}
	fixSocket = &btf.Typedef{Name: "socket_state", Type: &btf.Enum{Size: 4, Values: []btf.EnumValue{
		{Name: "SS_FREE", Value: 0}, {Name: "SS_CONNECTED", Value: 3},
	}}}
	fixClash = []*btf.Enum{
		{Size: 4, Values: []btf.EnumValue{{Name: "OPT_UID", Value: 7}}},
		{Size: 4, Values: []btf.EnumValue{{Name: "OPT_UID", Value: 0}}},
	}

	// struct sock_common with its ports inside an anonymous struct in an anonymous union.
	fixCommon = &btf.Struct{Name: "sock_common", Size: 16, Members: []btf.Member{
		{Type: &btf.Union{Size: 4, Members: []btf.Member{
			{Name: "skc_portpair", Type: fixUint},
			{Type: &btf.Struct{Size: 4, Members: []btf.Member{
				{Name: "skc_dport", Type: fixBe16},
				{Name: "skc_num", Type: fixU16, Offset: 16},
			}}},
		}}},
		{Name: "skc_state", Type: &btf.Volatile{Type: fixUchar}, Offset: 32},
		{Name: "skc_reuse", Type: fixUchar, Offset: 40, BitfieldSize: 4},
		{Name: "skc_ipv6only", Type: fixUchar, Offset: 45, BitfieldSize: 1},
		{Type: fixUchar, Offset: 46, BitfieldSize: 2}, // unnamed padding
		{Name: "skc_prot", Type: &btf.Pointer{Target: &btf.Fwd{Name: "proto", Kind: btf.FwdStruct}}, Offset: 64},
	}}
	fixProto = &btf.Struct{Name: "proto", Size: 16, Members: []btf.Member{
		{Name: "name", Type: &btf.Array{Index: fixInt, Type: fixChar, Nelems: 16}},
	}}
	fixSock = &btf.Struct{Name: "sock", Size: 24, Members: []btf.Member{
		{Name: "__sk_common", Type: fixCommon},
		{Name: "sk_protocol", Type: fixU16, Offset: 128},
	}}
	fixTCP = &btf.Struct{Name: "tcp_sock", Size: 32, Members: []btf.Member{
		{Name: "inet_conn", Type: &btf.Struct{Name: "inet_connection_sock", Size: 24, Members: []btf.Member{{Name: "sk", Type: fixSock}}}},
		{Name: "srtt_us", Type: fixUint, Offset: 192},
	}}
	fixTwins = []*btf.Struct{
		{Name: "twin", Size: 4, Members: []btf.Member{{Name: "a", Type: fixInt}}},
		{Name: "twin", Size: 8, Members: []btf.Member{{Name: "b", Type: fixLong}}},
	}
	fixSame = []*btf.Struct{
		{Name: "same", Size: 4, Members: []btf.Member{{Name: "a", Type: fixInt}}},
		{Name: "same", Size: 4, Members: []btf.Member{{Name: "a", Type: fixInt}}},
	}

	fixSockPointer = &btf.Pointer{Target: fixSock}
	fixUserPointer = &btf.Pointer{Target: &btf.TypeTag{Value: "user", Type: &btf.Const{Type: fixChar}}}
	fixSendmsg     = &btf.FuncProto{Return: fixInt, Params: []btf.FuncParam{
		{Name: "sk", Type: fixSockPointer}, {Name: "buf", Type: fixUserPointer}, {Type: fixLong},
	}}
	fixUnused = &btf.FuncProto{Return: fixLong, Params: []btf.FuncParam{{Name: "__unused", Type: fixSockPointer}}}
	fixCall   = &btf.FuncProto{Return: fixLong, Params: []btf.FuncParam{{Name: "regs", Type: fixSockPointer}}}
	fixVoid   = &btf.FuncProto{Return: (*btf.Void)(nil)}
	fixEvent  = &btf.FuncProto{Return: fixInt, Params: []btf.FuncParam{
		{Name: "__data", Type: &btf.Pointer{Target: (*btf.Void)(nil)}}, {Name: "sk", Type: fixSockPointer}, {Name: "oldstate", Type: fixInt},
	}}
	fixNameless = &btf.FuncProto{Return: (*btf.Void)(nil), Params: []btf.FuncParam{
		{Type: &btf.Pointer{Target: (*btf.Void)(nil)}}, {Type: fixSockPointer}, {Type: fixInt},
	}}
	fixEntry = &btf.Struct{Name: "trace_entry", Size: 8, Members: []btf.Member{{Name: "pid", Type: fixInt, Offset: 32}}}
	fixRaw   = &btf.Struct{Name: "trace_event_raw_inet_sock_set_state", Size: 24, Members: []btf.Member{
		{Name: "ent", Type: fixEntry},
		{Name: "skaddr", Type: &btf.Pointer{Target: &btf.Const{Type: (*btf.Void)(nil)}}, Offset: 64},
		{Name: "oldstate", Type: fixInt, Offset: 128},
		{Name: "__data_loc_name", Type: &btf.Typedef{Name: "u32", Type: fixUint}, Offset: 160},
		{Name: "__data", Type: &btf.Array{Index: fixInt, Type: fixChar}, Offset: 192},
	}}
)

func fixtureTypes() []btf.Type {
	types := []btf.Type{
		fixBool, fixHuge, fixFloat, fixPort, fixSum, fixStates, fixSigned, fixWide, fixFlags, fixSocket, fixClash[0], fixClash[1],
		fixProto, fixTCP, fixTwins[0], fixTwins[1], fixSame[0], fixSame[1], fixRaw,
		&btf.Struct{Name: "trace_event_raw_only_a_class", Size: 8, Members: []btf.Member{{Name: "ent", Type: fixEntry}}},
		&btf.Union{Name: "either", Size: 4, Members: []btf.Member{{Name: "x", Type: fixInt}, {Name: "y", Type: fixUint}}},
		&btf.Typedef{Name: "handler_t", Type: &btf.Pointer{Target: &btf.FuncProto{Return: fixInt, Params: []btf.FuncParam{{Type: fixSockPointer}}}}},
		&btf.Func{Name: "tcp_sendmsg", Type: fixSendmsg, Linkage: btf.GlobalFunc},
		&btf.Func{Name: "tcp_init", Type: fixVoid, Linkage: btf.StaticFunc},
		&btf.Func{Name: "cleanup", Type: fixVoid, Linkage: btf.StaticFunc},
		&btf.Func{Name: "cleanup", Type: fixSendmsg, Linkage: btf.StaticFunc},
		// A weak system call beside the real one.
		&btf.Func{Name: "__x64_sys_acct", Type: fixUnused, Linkage: btf.GlobalFunc},
		&btf.Func{Name: "__x64_sys_acct", Type: fixCall, Linkage: btf.GlobalFunc},
		&btf.Func{Name: "__x64_sys_absent", Type: fixUnused, Linkage: btf.GlobalFunc},
		// Alike up to their last three underscores, which the library takes for a flavour.
		&btf.Func{Name: "____fput", Type: fixVoid, Linkage: btf.StaticFunc},
		&btf.Func{Name: "____sys_recvmsg", Type: fixSendmsg, Linkage: btf.StaticFunc},
		&btf.Func{Name: "____sys_sendmsg", Type: fixSendmsg, Linkage: btf.StaticFunc},
		&btf.Func{Name: "repeated", Type: fixSendmsg, Linkage: btf.StaticFunc},
		&btf.Func{Name: "repeated", Type: fixSendmsg, Linkage: btf.StaticFunc},
		&btf.Func{Name: "__traceiter_inet_sock_set_state", Type: fixEvent, Linkage: btf.GlobalFunc},
		&btf.Typedef{Name: "btf_trace_inet_sock_set_state", Type: &btf.Pointer{Target: fixNameless}},
		&btf.Typedef{Name: "btf_trace_nameless", Type: &btf.Pointer{Target: fixNameless}},
		&btf.Typedef{Name: "btf_trace_named_by_class", Type: &btf.Pointer{Target: fixNameless}},
		&btf.Func{Name: "__bpf_trace_named_by_class", Type: fixEvent, Linkage: btf.StaticFunc},
	}
	return types
}

// marshal makes raw BTF of types.
func marshal(t testing.TB, types ...btf.Type) []byte {
	t.Helper()
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// open writes raw BTF to a file and opens it.
func open(t testing.TB, data []byte) *Kernel {
	t.Helper()
	path := filepath.Join(t.TempDir(), "6.6.6-fixture.btf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fixture is the small kernel.
func fixture(t testing.TB) *Kernel {
	t.Helper()
	return open(t, marshal(t, fixtureTypes()...))
}
