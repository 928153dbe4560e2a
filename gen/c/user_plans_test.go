package c

import "github.com/ebgen/ebgen/spec/plan"

// tWord is a register of a process, which may hold an address.
var tWord = plan.Type{Kind: plan.Int, Size: 8, User: true}

// userPointer leads into the memory of a process.
func userPointer(tag string) plan.Type {
	t := structPointer(tag)
	t.User = true
	return t
}

// awkward is a path that C must not take for its own.
const awkward = `/tmp/a "b"\c */ /* ??/`

// uprobes are a function of C and one of Go, at which one body reads user memory.
func uprobes() *plan.Plan {
	address := castTo(userPointer("sockaddr_in"), arg("second", tWord))
	return tracerAt("uprobes", []plan.Attachment{
		{Kind: plan.Uprobe, Target: awkward + ":send_*", Program: "uprobes_uprobe", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Register}, {From: plan.Register, Index: 1}}}}},
		{Kind: plan.Uprobe, Target: awkward + ":main.send", Program: "uprobes_uprobe2", Calls: []plan.Call{{Args: []plan.Source{{From: plan.GoRegister}, {From: plan.GoRegister, Index: 8}}}}},
	}, plan.Body{Name: "uprobes", Line: 2, Args: []plan.Arg{{Name: "first", Type: tWord}, {Name: "second", Type: tWord}}},
		column{"func", built("func")},
		column{"first", arg("first", tWord)},
		column{"text", calling("str", tString(100), arg("first", tWord))},
		column{"bytes", calling("buf", tBytes(3), arg("second", tWord))},
		column{"port", plan.Expr{Op: plan.OpHost, Type: tU16, Args: []plan.Expr{load(address, tBe16, "sin_port")}}},
		column{"family", load(address, tU16, "sin_family")},
		column{"kernel", stackOf(false, 127)},
	)
}

// entered is the stack of a function's callers, taken where it begins.
func entered() *plan.Plan {
	p := tracer("entered", plan.Body{Name: "entered", Line: 2, Args: []plan.Arg{{Name: "size", Type: tWord}}},
		[]plan.Probe{{Name: "uprobe:libc:malloc", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.Uprobe, Target: "libc:malloc", Program: "entered_uprobe", Calls: []plan.Call{{Args: []plan.Source{{From: plan.Register}}}}},
		}}}, column{"size", arg("size", tWord)}, column{"user", stackOf(true, 16)})
	return keeping(p, 16, 1024, true)
}

func tracerAt(name string, alternatives []plan.Attachment, b plan.Body, columns ...column) *plan.Plan {
	p := tracer(name, b, []plan.Probe{{Name: string(alternatives[0].Kind) + ":" + alternatives[0].Target, Line: 2, Alternatives: alternatives}}, columns...)
	p.Structs = []plan.Struct{{Name: "sockaddr_in", Members: []plan.Member{{Name: "sin_family", Type: tU16}, {Name: "sin_port", Type: tBe16}}}}
	return keeping(p, 127, 16384, false)
}

// notes is a USDT probe whose arguments two bodies take.
func notes() *plan.Plan {
	p := tracer("notes", plan.Body{Name: "notes", Line: 2, Args: []plan.Arg{{Name: "query", Type: tWord}, {Name: "size", Type: tS32}}},
		[]plan.Probe{{Name: "usdt:postgres:postgresql:query__start", Line: 2, Alternatives: []plan.Attachment{
			{Kind: plan.USDT, Target: "postgres:postgresql:query__start", Program: "notes_usdt", Calls: []plan.Call{
				{Body: 1, Args: []plan.Source{{From: plan.Note, Index: 2}}},
				{Args: []plan.Source{{From: plan.Note, Index: 0}, {From: plan.Note, Index: 11}}},
			}},
		}}},
		column{"query", calling("str", tString(64), arg("query", tWord))}, column{"size", arg("size", tS32)})
	second := plan.Body{Name: "noting", Line: 20, Args: []plan.Arg{{Name: "user", Type: tU64}}, Emits: true, Fields: []plan.Assign{{Field: 1, Expr: castTo(tS32, arg("user", tU64)), Line: 21}}}
	p.Record.Fields[1].Bit = 1
	p.Bodies = append(p.Bodies, second)
	return p
}
