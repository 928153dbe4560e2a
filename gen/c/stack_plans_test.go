package c

import "github.com/ebgen/ebgen/spec/plan"

// stackOf takes a stack of so many frames at most.
func stackOf(user bool, frames int) plan.Expr {
	return plan.Expr{Op: plan.OpStack, Type: plan.Type{Kind: plan.Stack, Size: plan.StackSize, User: user}, Int: int64(frames)}
}

// keeping gives a plan a map of stacks, and the members of the kernel that those of
// processes read.
func keeping(p *plan.Plan, depth, entries int, user bool) *plan.Plan {
	p.Stacks = &plan.Stacks{Map: len(p.Maps), Depth: depth, User: user}
	p.Maps = append(p.Maps, plan.Map{Name: "stacks", Line: 1, Use: plan.StackMap, Type: plan.Hash, Entries: entries, OnFull: plan.Drop,
		Key: plan.Record{Size: plan.StackSize, Absent: -1}, Value: plan.Record{Size: p.Stacks.ValueSize(), Absent: -1}})
	if user {
		p.Structs = append(p.Structs, plan.Struct{Name: "task_struct", Members: []plan.Member{
			{Name: "flags", Type: tU32}, {Name: "mm", Type: structPointer("mm_struct")}, {Name: "group_leader", Type: structPointer("task_struct")},
			{Name: "start_boottime", Type: tU64}, {Name: "self_exec_id", Type: tU64},
			{Name: "real_parent", Type: structPointer("task_struct")}, {Name: "tgid", Type: tS32},
		}}, plan.Struct{Name: "mm_struct", Members: []plan.Member{{Name: "start_code", Type: tU64}, {Name: "arg_start", Type: tU64}}})
	}
	return p
}

// stacks are records of three stacks, one of them taken once and used twice.
func stacks() *plan.Plan {
	p := tracer("stacks", plan.Body{Name: "stacks", Line: 2}, rawTracepoint("sys_enter", "stacks_rawtracepoint", 0),
		column{"pid", built("pid")}, column{"kernel", stackOf(false, 127)}, column{"near", stackOf(true, 3)},
		column{"user", stackOf(true, 127)}, column{"same", stackOf(true, 127)})
	return keeping(p, 127, 16384, true)
}

// symbols are records of addresses that are to be named, and of a stack beside them.
func symbols() *plan.Plan {
	symbolOf := func(address plan.Expr) plan.Expr {
		e := stackOf(true, 1)
		e.Type.Meaning, e.Args = plan.Symbol, []plan.Expr{address}
		return e
	}
	p := tracer("symbols", plan.Body{Name: "symbols", Line: 2}, rawTracepoint("sys_enter", "symbols_rawtracepoint", 0),
		column{"time", symbolOf(built("time"))}, column{"same", symbolOf(built("time"))}, column{"other", symbolOf(built("rand"))},
		column{"user", stackOf(true, 16)})
	return keeping(p, 16, 16384, true)
}

// profile counts stacks of the kernel at equal times.
func profile() *plan.Plan {
	p := tracer("profile", plan.Body{Name: "profile", Line: 2}, []plan.Probe{{Name: "profile:hz:99", Line: 2, Alternatives: []plan.Attachment{
		{Kind: plan.Profile, Target: "hz:99", Program: "profile_profile", Calls: []plan.Call{{}}},
	}}}, column{"comm", built("comm")}, column{"kernel", stackOf(false, 64)})
	return keeping(counted(p, plan.PercpuHash, 10240, aggregate{name: "samples", kind: plan.Count}), 64, 1024, false)
}
