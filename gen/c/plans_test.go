package c

import "github.com/ebgen/ebgen/spec/plan"

// The plans of the golden cases, as the checker would make them.

var (
	tU8    = plan.Type{Kind: plan.Int, Size: 1}
	tU16   = plan.Type{Kind: plan.Int, Size: 2}
	tU32   = plan.Type{Kind: plan.Int, Size: 4}
	tU64   = plan.Type{Kind: plan.Int, Size: 8}
	tS32   = plan.Type{Kind: plan.Int, Size: 4, Signed: true}
	tS64   = plan.Type{Kind: plan.Int, Size: 8, Signed: true}
	tBe16  = plan.Type{Kind: plan.Int, Size: 2, BigEndian: true}
	tBe32  = plan.Type{Kind: plan.Int, Size: 4, BigEndian: true}
	tBool  = plan.Type{Kind: plan.Bool, Size: 1}
	tPort  = plan.Type{Kind: plan.Int, Size: 2, Meaning: plan.Port}
	tComm  = plan.Type{Kind: plan.String, Size: 16}
	tIP    = plan.Type{Kind: plan.IP, Size: 16}
	tFlow  = plan.Type{Kind: plan.Flow, Size: plan.FlowSize}
	tOwner = plan.Type{Kind: plan.Owner, Size: plan.OwnerSize}
	tText  = plan.Type{Kind: plan.Pointer, Size: 8, Elem: plan.Int, ElemSize: 1, ElemSigned: true}
	tUser  = plan.Type{Kind: plan.Pointer, Size: 8, Elem: plan.Int, ElemSize: 1, ElemSigned: true, User: true}
	tVoid  = plan.Type{Kind: plan.Pointer, Size: 8}
)

func tString(size int) plan.Type { return plan.Type{Kind: plan.String, Size: size} }
func tBytes(size int) plan.Type  { return plan.Type{Kind: plan.Bytes, Size: size} }
func tArray(elem plan.Type, n int) plan.Type {
	return plan.Type{Kind: plan.Array, Size: n * elem.Size, Elem: elem.Kind, ElemSize: elem.Size, ElemSigned: elem.Signed, Len: n}
}
func tStruct(tag string) plan.Type { return plan.Type{Kind: plan.Aggregate, Name: tag} }

func arg(name string, t plan.Type) plan.Expr { return plan.Expr{Op: plan.OpArg, Type: t, Name: name} }
func number64(n int64, t plan.Type) plan.Expr {
	return plan.Expr{Op: plan.OpConst, Type: t, Int: n}
}
func param(name string, t plan.Type) plan.Expr {
	return plan.Expr{Op: plan.OpParam, Type: t, Name: name}
}
func built(name string) plan.Expr {
	return plan.Expr{Op: plan.OpBuiltin, Type: plan.Builtins[name].Type, Name: name}
}
func load(from plan.Expr, t plan.Type, names ...string) plan.Expr {
	e := plan.Expr{Op: plan.OpLoad, Type: t, Args: []plan.Expr{from}}
	for _, n := range names {
		e.Path = append(e.Path, plan.Step{Name: n})
	}
	return e
}
func addressOf(from plan.Expr, t plan.Type, names ...string) plan.Expr {
	e := load(from, t, names...)
	e.Op = plan.OpAddress
	return e
}
func castTo(t plan.Type, e plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpCast, Type: t, Args: []plan.Expr{e}}
}
func op(t plan.Type, name string, x, y plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpBinary, Type: t, Name: name, Args: []plan.Expr{x, y}}
}
func unop(t plan.Type, name string, x plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpUnary, Type: t, Name: name, Args: []plan.Expr{x}}
}
func cond(c, x, y plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpCond, Type: x.Type, Args: []plan.Expr{c, x, y}}
}
func orElse(x, y plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpDefault, Type: x.Type, Args: []plan.Expr{x, y}}
}
func calling(name string, t plan.Type, args ...plan.Expr) plan.Expr {
	return plan.Expr{Op: plan.OpCall, Type: t, Name: name, Args: args}
}
func text(s string) plan.Expr {
	return plan.Expr{Op: plan.OpText, Type: tString(len(s) + 1), Name: s}
}
func partOf(e plan.Expr, name string, t plan.Type) plan.Expr {
	return plan.Expr{Op: plan.OpPart, Type: t, Name: name, Args: []plan.Expr{e}}
}

// column is a field and what fills it.
type column struct {
	name string
	expr plan.Expr
}

// tracer builds a plan of one body: each column on its own line, from line 10 on.
func tracer(name string, b plan.Body, probes []plan.Probe, columns ...column) *plan.Plan {
	p := &plan.Plan{
		Version: plan.Version, Name: name, File: name + ".yaml", Line: 1,
		Channel: plan.Channel{Kind: plan.Ringbuf, Size: 65536},
		Probes:  probes,
	}
	absent := 0
	for i, c := range columns {
		f := plan.Field{Name: c.name, Type: c.expr.Type, Bit: -1, Line: 10 + i}
		f.Type.BigEndian, f.Type.Name, f.Type.Elem, f.Type.ElemSize = false, "", "", 0
		if c.expr.Fallible() {
			f.Bit = absent
			absent++
		}
		p.Record.Fields = append(p.Record.Fields, f)
		b.Fields = append(b.Fields, plan.Assign{Field: i, Expr: c.expr, Line: 10 + i})
	}
	p.Record.Absent = -1
	if absent > 0 {
		p.Record.Absent, p.Record.Size = 0, 8
	}
	for _, align := range []int{8, 4, 2, 1} {
		for i := range p.Record.Fields {
			if f := &p.Record.Fields[i]; f.Type.Align() == align {
				f.Offset = p.Record.Size
				p.Record.Size += f.Type.Size
			} else if f.Type.Align() > 8 {
				panic("alignment")
			}
		}
	}
	p.Record.Size = (p.Record.Size + 7) &^ 7
	b.Emits = true
	p.Bodies = []plan.Body{b}
	return p
}

var sockStructs = []plan.Struct{
	{Name: "in6_addr", Members: []plan.Member{
		{Name: "in6_u", Inline: &plan.Struct{Union: true, Members: []plan.Member{{Name: "u6_addr8", Type: tArray(tU8, 16)}}}},
	}},
	{Name: "sock_common", Members: []plan.Member{
		{Name: "skc_daddr", Type: tBe32},
		{Name: "skc_rcv_saddr", Type: tBe32},
		{Name: "skc_dport", Type: tBe16},
		{Name: "skc_num", Type: tU16},
		{Name: "skc_family", Type: tU16},
		{Name: "skc_state", Type: tU8},
		{Name: "skc_v6_daddr", Type: tStruct("in6_addr")},
		{Name: "skc_v6_rcv_saddr", Type: tStruct("in6_addr")},
	}},
	{Name: "sock", Members: []plan.Member{
		{Name: "__sk_common", Type: tStruct("sock_common")},
		{Name: "sk_socket", Type: structPointer("socket")},
		{Name: "sk_type", Type: tU16},
		{Name: "sk_protocol", Type: tU16},
	}},
}

var ownerStructs = []plan.Struct{
	{Name: "inode", Members: []plan.Member{{Name: "i_mode", Type: tU16}, {Name: "i_ino", Type: tU64}}},
	{Name: "file", Members: []plan.Member{{Name: "f_inode", Type: structPointer("inode")}, {Name: "private_data", Type: tVoid}}},
	{Name: "fdtable", Members: []plan.Member{{Name: "fd", Type: tVoid}}},
	{Name: "files_struct", Members: []plan.Member{{Name: "fdt", Type: structPointer("fdtable")}}},
	{Name: "socket", Members: []plan.Member{{Name: "sk", Type: structPointer("sock")}}},
	{Name: "socket_alloc", Members: []plan.Member{{Name: "vfs_inode", Type: tStruct("inode")}}},
	{Name: "task_struct", Members: []plan.Member{
		{Name: "tgid", Type: tS32}, {Name: "comm", Type: tArray(plan.Type{Kind: plan.Int, Size: 1, Signed: true}, 16)},
		{Name: "group_leader", Type: structPointer("task_struct")}, {Name: "real_parent", Type: structPointer("task_struct")},
		{Name: "files", Type: structPointer("files_struct")},
	}},
}

// plans are the golden cases by name.
var plans = map[string]func() *plan.Plan{
	"smallest":   smallest,
	"tcpretrans": tcpretrans,
	"opens":      opens,
	"perfbuf":    perfbuf,
	"reads":      reads,
	"direct":     direct,
	"filters":    filters,
	"escape":     escape,
	"state":      state,
	"span":       span,
	"nested":     nested,
	"table":      table,
	"histograms": histograms,
	"stacks":     stacks,
	"symbols":    symbols,
	"profile":    profile,
	"uprobes":    uprobes,
	"entered":    entered,
	"notes":      notes,
}

// direct is reads for a kernel that lets programs load what they name.
func direct() *plan.Plan {
	p := reads()
	p.Direct = true
	return p
}

func smallest() *plan.Plan {
	return tracer("smallest", plan.Body{Name: "smallest", Line: 2},
		[]plan.Probe{{Name: "rawtracepoint:sys_enter", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "smallest_rawtracepoint", Calls: []plan.Call{{}}},
		}}},
		column{"pid", built("pid")})
}

func tcpretrans() *plan.Plan {
	sk := arg("sk", structPointer("sock"))
	port := param("port", tPort)
	dport := partOf(calling("flow", tFlow, sk), "dport", tPort)
	sources := []plan.Source{{From: plan.Register, Index: 0}}
	p := tracer("tcpretrans", plan.Body{
		Name: "tcpretrans", Line: 7, Args: []plan.Arg{{Name: "sk", Type: sk.Type}},
		Filters: []plan.Filter{
			{Expr: op(tBool, "==", castTo(tS32, dport), castTo(tS32, port)), Params: []string{"port"}, Line: 16},
			{Expr: plan.Expr{Op: plan.OpInParam, Type: tBool, Name: "pids", Args: []plan.Expr{built("pid")}}, Params: []string{"pids"}, Line: 17},
		},
	}, []plan.Probe{{Name: "function:tcp_retransmit_skb", Line: 7, Alternatives: []plan.Attachment{
		{Kind: plan.Fentry, Target: "tcp_retransmit_skb", Program: "tcpretrans_fentry", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot}}}}},
		{Kind: plan.Kprobe, Target: "tcp_retransmit_skb", Program: "tcpretrans_kprobe", Calls: []plan.Call{{Args: sources}}},
		{Kind: plan.RawTracepoint, Target: "tcp_retransmit_skb", Program: "tcpretrans_rawtracepoint", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot}}}}},
	}}},
		column{"time", built("time")},
		column{"owner", calling("owner", tOwner, sk)},
		column{"flow", calling("flow", tFlow, sk)},
		column{"state", castTo(tS32, load(sk, tU8, "__sk_common", "skc_state"))},
		column{"pid", built("pid")},
	)
	p.Description = "Every TCP retransmit, with its owner, */ flow and socket state."
	p.Params = []plan.Param{
		{Name: "port", Type: tPort, Help: "only flows with this remote port", Line: 4},
		{Name: "pids", Type: tU32, List: true, Help: "only these processes", Line: 5},
	}
	p.Structs = append(append([]plan.Struct{}, ownerStructs...), sockStructs...)
	p.Limits.Rate = 1000
	exit := func(name string) plan.Probe {
		return plan.Probe{Name: "syscall:" + name + ":return", Line: 1, Alternatives: []plan.Attachment{
			{Kind: plan.Tracepoint, Target: "syscalls:sys_exit_" + name, Program: "owner_" + name},
		}}
	}
	hook := func(target, program string) plan.Probe {
		return plan.Probe{Name: "function:" + target, Line: 1, Alternatives: []plan.Attachment{
			{Kind: plan.Fentry, Target: target, Program: program},
			{Kind: plan.Kprobe, Target: target, Program: program + "_kprobe"},
		}}
	}
	p.Owners = &plan.Owners{
		Entries: 131072,
		Ways: [][]plan.Probe{
			{hook("security_socket_post_create", "owner_post_create"), hook("security_sock_graft", "owner_graft")},
			{exit("socket"), exit("accept"), exit("accept4")},
		},
		Probes: []plan.Probe{{Name: "rawtracepoint:tcp_destroy_sock", Line: 1, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "tcp_destroy_sock", Program: "owner_destroy"},
		}}},
		Sweep: "owner_sweep",
	}
	return p
}

func opens() *plan.Plan {
	filename := arg("filename", tUser)
	file := calling("str", tString(256), filename)
	return func() *plan.Plan {
		p := tracer("opens", plan.Body{
			Name: "opens", Line: 2, Args: []plan.Arg{{Name: "filename", Type: tUser}, {Name: "flags", Type: tS32}},
			Filters: []plan.Filter{
				{Expr: calling("has_prefix", tBool, file, text("/etc/")), Line: 20},
				{Expr: op(tBool, "!=", built("comm"), text("sshd")), Line: 21},
				{Expr: op(tBool, "==", built("comm"), param("comm", tComm)), Params: []string{"comm"}, Line: 22},
			},
		}, []plan.Probe{{Name: "tracepoint:syscalls:sys_enter_openat", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.Tracepoint, Target: "syscalls:sys_enter_openat", Program: "opens_tracepoint",
				Calls: []plan.Call{{Args: []plan.Source{{From: plan.Context, Index: 24, Size: 8}, {From: plan.Context, Index: 32, Size: 8}}}}},
		}}},
			column{"pid", built("pid")}, column{"tid", built("tid")}, column{"comm", built("comm")},
			column{"file", file}, column{"ppid", built("ppid")},
			column{"write", op(tBool, "!=", op(tS32, "&", arg("flags", tS32), number64(3, tS32)), number64(0, tS32))},
			column{"what", text("open")},
		)
		p.Params = []plan.Param{{Name: "comm", Type: tComm, Line: 3}}
		p.Structs = ownerStructs[6:]
		return p
	}()
}

func perfbuf() *plan.Plan {
	networks := plan.Expr{Op: plan.OpInParam, Type: tBool, Name: "networks", Args: []plan.Expr{partOf(calling("flow", tFlow, arg("sk", structPointer("sock"))), "daddr", tIP)}}
	p := tracer("perfbuf", plan.Body{
		Name: "perfbuf", Line: 2, Args: []plan.Arg{{Name: "sk", Type: structPointer("sock")}},
		Filters: []plan.Filter{{Expr: networks, Params: []string{"networks"}, Line: 5}},
	}, []plan.Probe{{Name: "rawtracepoint:tcp_destroy_sock", Line: 2, Alternatives: []plan.Attachment{
		{Kind: plan.RawTracepoint, Target: "tcp_destroy_sock", Program: "perfbuf_rawtracepoint", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot}}}}},
	}}},
		column{"flow", calling("flow", tFlow, arg("sk", structPointer("sock")))},
		column{"cpu", built("cpu")},
	)
	p.Params = []plan.Param{{Name: "networks", Type: plan.Type{Kind: plan.Prefix, Size: 20}, List: true, Line: 3}}
	p.Channel = plan.Channel{Kind: plan.Perfbuf, Size: 65536}
	p.Structs = sockStructs
	return p
}

func reads() *plan.Plan {
	task := arg("p", structPointer("task_struct"))
	mm := load(task, structPointer("mm_struct"), "mm")
	policy := load(task, tU32, "policy")
	exitState := load(task, tS32, "exit_state")
	p := tracer("reads", plan.Body{Name: "reads", Line: 2, Args: []plan.Arg{{Name: "p", Type: task.Type}}},
		[]plan.Probe{{Name: "rawtracepoint:sched_process_exit", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "sched_process_exit", Program: "reads_rawtracepoint", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot}}}}},
		}}},
		column{"total", load(mm, tU64, "total_vm")},
		column{"stack", load(mm, tU64, "stack_vm")},
		column{"policy", policy},
		column{"twice", op(tU32, "+", policy, policy)},
		column{"ran", load(task, tU8, "sched_reset_on_fork")},
		column{"state", orElse(castTo(tU64, load(task, tU32, "__state")), number64(7, tU64))},
		column{"exit", cond(op(tBool, "!=", exitState, number64(0, tS32)), load(task, tS32, "exit_code"), number64(-1, tS32))},
		column{"both", op(tBool, "&&", op(tBool, "==", exitState, number64(16, tS32)), op(tBool, ">", load(task, tS32, "exit_signal"), number64(0, tS32)))},
		column{"exists", plan.Expr{Op: plan.OpExists, Type: tBool, Args: []plan.Expr{task}, Path: []plan.Step{{Name: "__state"}}}},
		column{"comm", calling("str", tComm, addressOf(task, tText, "comm"))},
		column{"raw", calling("buf", tBytes(5), addressOf(task, tText, "comm"))},
		column{"first", castTo(tU64, load(addressOf(task, tText, "comm"), tU8))},
		column{"nobody", orElse(load(castTo(structPointer("task_struct"), number64(0, tU64)), tU32, "policy"), number64(9, tU32))},
	)
	p.Structs = []plan.Struct{
		{Name: "mm_struct", Members: []plan.Member{{Name: "total_vm", Type: tU64}, {Name: "stack_vm", Type: tU64}}},
		{Name: "task_struct", Members: []plan.Member{
			{Name: "__state", Type: tU32}, {Name: "policy", Type: tU32}, {Name: "mm", Type: structPointer("mm_struct")},
			{Name: "exit_state", Type: tS32}, {Name: "exit_code", Type: tS32}, {Name: "exit_signal", Type: tS32},
			{Name: "sched_reset_on_fork", Type: tU32, Bits: 1}, {Name: "comm", Type: tArray(plan.Type{Kind: plan.Int, Size: 1, Signed: true}, 16)},
		}},
	}
	return p
}

func filters() *plan.Plan {
	id := arg("id", tS64)
	ids := plan.Expr{Op: plan.OpIn, Type: tBool, Args: []plan.Expr{id, number64(1, tS64), number64(-2, tS64), {Op: plan.OpConst, Type: tS64, Name: "NR_OPEN", Int: 257}}}
	p := tracer("filters", plan.Body{Name: "filters", Line: 2, Args: []plan.Arg{{Name: "id", Type: tS64}},
		Filters: []plan.Filter{
			{Expr: op(tBool, "||", ids, op(tBool, "&&", op(tBool, ">", id, number64(40, tS64)), op(tBool, "<", id, number64(50, tS64)))), Line: 5},
			{Expr: op(tBool, "<", op(tU64, "-", built("nsecs"), built("elapsed")), param("over", tU64)), Params: []string{"over"}, Line: 6},
			{Expr: unop(tBool, "!", op(tBool, "==", op(tU32, "%", castTo(tU32, built("uid")), number64(10, tU32)), number64(3, tU32))), Line: 7},
			{Expr: op(tBool, "&&", op(tBool, "==", op(tS64, "/", id, number64(-3, tS64)), number64(0, tS64)), op(tBool, "!=", op(tU64, "<<", number64(1, tU64), castTo(tU64, id)), number64(0, tU64))), Params: []string{"over"}, Line: 8},
		},
	}, []plan.Probe{{Name: "rawtracepoint:sys_enter", Line: 2, Alternatives: []plan.Attachment{
		{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "filters_rawtracepoint", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot, Index: 1}}}}},
	}}}, column{"elapsed", built("elapsed")}, column{"id", id}, column{"log", calling("log2", tU32, castTo(tU64, id))})
	p.Params = []plan.Param{{Name: "over", Type: plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Duration}, Line: 3}}
	p.Constants = []plan.Constant{{Name: "NR_OPEN", Value: 257}}
	return p
}

func escape() *plan.Plan {
	p := tracer("escape", plan.Body{Name: "escape", Line: 2, Args: []plan.Arg{{Name: "id", Type: tS64}}},
		[]plan.Probe{{Name: "rawtracepoint:sys_enter", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.RawTracepoint, Target: "sys_enter", Program: "escape_rawtracepoint", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Slot, Index: 1}}}}},
		}}}, column{"folded", plan.Expr{Op: plan.OpC, Type: tU32, Name: "fold", Args: []plan.Expr{castTo(tU64, arg("id", tS64))}}})
	p.C = &plan.Escape{Line: 30, Text: "static u32 fold(u64 x)\n{\n\treturn x ^ x >> 32 ^ bpf_get_smp_processor_id();\n}\n"}
	return p
}
