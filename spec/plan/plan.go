// Package plan is the checked tracer as plain data: what the checker promises, what
// the C and Go printers print, and what the runtime carries out.
//
// In goes nothing; a Plan is made by package check. Out go the same bytes for the
// same spec and the same BTF on any machine (Encode). A Plan knows no YAML, no clang
// and no kernel handle. Everything that depends on the running kernel is listed as
// alternatives, in the order in which the runtime tries them.
//
//	probe: function:tcp_retransmit_skb
//	fields: {pid: pid, dport: args.sk.__sk_common.skc_dport}
//
// becomes one Body (the C function that filters and fills a record), one Probe with
// two Attachments (fentry and kprobe, both calling that body), two Structs (sock and
// sock_common, with the one member read of each) and a Record of 16 bytes.
package plan

import "slices"

// Version is the version of the stored form. A bundle of another version is not read.
const Version = 4

// Plan is one tracer, ready to be printed as C and to be run.
type Plan struct {
	Version     int
	Name        string // a C identifier: the C functions and the Go package start with it
	Description string
	File        string // base name of the spec, as #line and diagnostics give it
	Line        int    // of the name, for statements that belong to no probe
	Params      []Param
	Constants   []Constant  // enumerators and macros the expressions use, sorted by name
	Enums       []Enum      // names of enum values, for rendering; Type.Enum indexes it
	Structs     []Struct    // what is read of kernel types, each before its first use by value
	Histograms  []Histogram // Type.Hist indexes it
	Record      Record      // one record as the output gets it; of a table: one row, made in user space
	Maps        []Map       // what is kept between events: state, span, table
	Span        *Span       // or nil
	Table       *Table      // of channel map, else nil
	Bodies      []Body
	Probes      []Probe // what is traced, in the spec's order
	Owners      *Owners // how owner(sk) is known, or nil when no field asks
	Stacks      *Stacks // how kstack and ustack are kept, or nil when no expression asks
	Channel     Channel
	Output      Output
	Limits      Limits
	C           *Escape // the spec's own C, or nil
	Warnings    []Warning
	Arch        string // of the kernel to trace, as GOARCH spells it
	Kernel      string // release of the kernel whose BTF the spec was checked against
	Direct      bool   // numbers and pointers are loaded through bpf_rdonly_cast, not copied by a helper: the kernel can (Linux 6.17)
	Facts       []Fact // what else is taken for granted of that kernel's types
}

// Fact is something of a kernel's types that the plan depends on and that neither its
// Structs nor its Attachments show. Exactly one of Lacks and Size says what.
type Fact struct {
	Struct string // the tag
	Union  bool
	Lacks  string `json:",omitempty"` // a path of members that the type does not have, AnyElement for one of an array: sk_socket.wq
	Size   int    `json:",omitempty"` // bytes of the type: sizeof, and how far apart elements of an array lie
}

// AnyElement is an element of an array in the path of a Fact.
const AnyElement = "[]"

// Warning is what the checker had to say about a spec that it passed.
type Warning struct {
	Start, End    int // bytes of the spec's text
	Message, Hint string
}

// Param is one typed value given at load: a flag of the running tracer.
type Param struct {
	Name    string // a C identifier; the flag is --name with '_' as '-'
	Type    Type   // of one value; IPPrefix for a network
	List    bool   // several values, held in a map named like the param
	Default string // as the flag would be written; meaningful when Given
	Given   bool   // whether the spec has a default
	Help    string
	Fixed   bool // a part of a probe's target: the tracer is made for its Default, and takes no other value
	Line    int
}

// Constant is a named number: an enumerator or a macro that no BTF holds.
type Constant struct {
	Name  string
	Value int64
}

// Enum names the values of an enum or of a macro family.
type Enum struct {
	Name   string // as the spec's cast or the kernel's enum calls it
	Flags  bool   // values are bits that combine
	First  bool   `json:",omitempty"` // of Flags: the first of Values that is set is shown alone, the one of 0 when none is
	Values []EnumValue
	Also   []EnumValue `json:",omitempty"` // names that a param takes too: the kernel's own, where those of Values are shorter
}

// EnumValue is one name, as it is displayed.
type EnumValue struct {
	Name  string
	Value int64
}

// Struct is what the tracer reads of one kernel struct or union. Anonymous members of
// the kernel's type are flattened into it: CO-RE finds members by name.
type Struct struct {
	Name    string // the tag
	Union   bool
	Members []Member // in the kernel's order
}

// Member is one member of a Struct.
type Member struct {
	Name   string
	Type   Type
	Bits   int     // width of a bit field, 0 for none
	Inline *Struct // a named member of an anonymous struct or union; Type is then void
}

// Record is the layout of one record as the kernel writes it and the decoder reads
// it: native byte order, no compiler padding (gaps are written as zeros).
type Record struct {
	Size   int     // bytes, a multiple of 8
	Absent int     // offset of the u64 whose bit n says "field with Bit n has no value", or -1
	Fields []Field // in column order; offsets need not be in that order
}

// Field is one column of the record.
type Field struct {
	Name   string
	Type   Type
	Offset int // bytes
	Bit    int // in the absent word, or -1 for a field that always has a value
	Line   int
}

// Field returns the index of the field of that name, or -1.
func (r *Record) Field(name string) int {
	return slices.IndexFunc(r.Fields, func(f Field) bool { return f.Name == name })
}

// Body is one C function. What it does is done in this order:
//
//  1. Unless all of Span.When hold the body ends here. A span is closed (CloseSpan):
//     without one the body ends here.
//  2. Filters: unless all hold the body ends here.
//  3. A record or a row is made, when Emits says so and every entry of another map is
//     there that its fields read outside of ??, if, && and ||.
//  4. A span is opened, marked or cancelled; Saves; Deletes. All of them read maps as they
//     were before the body changed any.
type Body struct {
	Name    string // C identifier
	Line    int    // of the probe in the spec
	Args    []Arg  // typed parameters of the function, only those used
	Filters []Filter
	Emits   bool     // a record, or an update of the table
	Fields  []Assign // of a record, into Record.Fields, or of a table's key, into Map.Key.Fields; those this probe has
	Updates []Update // of a table
	Span    *SpanStep
	Saves   []Save
	Deletes []Delete
	// Again says that the body is an iterator's: it gives 1 where its record found no
	// room, and counts nothing as lost, since the kernel then calls it for the same object
	// once more (bpf_iter_run_prog, kernel/bpf/bpf_iter.c, Linux 5.8). Otherwise it gives 0.
	Again bool
}

// Arg is one argument of a probe, by its kernel name ("retval" for a return value).
type Arg struct {
	Name string
	Type Type
}

// Filter is one condition; a record is made when all hold.
type Filter struct {
	Expr   Expr
	Params []string // without default: the filter is off unless all of these are given
	Line   int
}

// Assign fills Record.Fields[Field] with Expr.
type Assign struct {
	Field int
	Expr  Expr
	Line  int
}

// Probe is one thing the spec asks to trace. The first alternative that the running
// kernel accepts is taken.
type Probe struct {
	Name         string // as the spec spells it
	Line         int
	Alternatives []Attachment
	Refused      []string // alternatives ruled out while checking, each "KIND:TARGET: why"
	Passed       int      `json:",omitempty"` // how many of these the spec would rather have than the first that is left
	Optional     bool     `json:",omitempty"` // `| none`: where no alternative attaches the tracer runs without the probe
}

// Attachment is one way to attach one body: a BPF program of its own.
type Attachment struct {
	Kind    AttachKind
	Target  string   // see the kinds
	Program string   // name of the C program
	Object  int      // of an iterator: the slot of ctx that is NULL when there is no object any more, for which no body is called; 0 for other kinds
	Lacks   []string `json:",omitempty"` // arguments that the probe does not have, and would be read if it had
	Calls   []Call   // in the order in which the program calls them; none for a program of a template (owners)
}

// Call is one body that a program calls.
type Call struct {
	Body int      // index into Plan.Bodies
	Args []Source // where each of the body's Args comes from, same order
}

// AttachKind is a kind of BPF program and its attach point.
type AttachKind string

const (
	RawTracepoint AttachKind = "rawtracepoint" // NAME
	Tracepoint    AttachKind = "tracepoint"    // CATEGORY:NAME
	Kprobe        AttachKind = "kprobe"        // a kernel function, as for the next three
	Kretprobe     AttachKind = "kretprobe"
	Fentry        AttachKind = "fentry"
	Fexit         AttachKind = "fexit"
	Iterator      AttachKind = "iter" // what is iterated over: task, task_file, tcp

	// In user space. BINARY is a path, the name of a program in $PATH, or a library
	// without its version (libc): package binary finds it when the tracer starts.
	Uprobe    AttachKind = "uprobe"    // BINARY:SYMBOL, BINARY:SYMBOL+0x10, BINARY:0x1234 (a file offset) or BINARY:PATTERN with * for any text
	Uretprobe AttachKind = "uretprobe" // BINARY:SYMBOL or BINARY:PATTERN
	USDT      AttachKind = "usdt"      // BINARY:PROVIDER:NAME

	// At intervals: hz:99 (times a second), s:1, ms:10, us:100.
	Profile  AttachKind = "profile"  // on each CPU
	Interval AttachKind = "interval" // on one CPU

	// Each so many times that something happens, on each CPU: EVENT:COUNT, EVENT for 1.
	Software AttachKind = "software" // page-faults (enum perf_sw_ids)
	Hardware AttachKind = "hardware" // cache-misses (enum perf_hw_id)

	// Once, in the tracer's own process; the target is empty.
	Begin AttachKind = "begin" // when everything else is attached
	End   AttachKind = "end"   // when everything else is detached
)

// UserSpace reports whether the arguments of a kind's probes are values of a process:
// addresses among them lead into user memory.
func (k AttachKind) UserSpace() bool { return k == Uprobe || k == Uretprobe || k == USDT }

// Fires reports whether programs of a kind run by themselves, when something happens.
// Those of the others run when the runtime says so.
func (k AttachKind) Fires() bool { return k != Iterator && k != Begin && k != End }

// Source says where a program finds one argument.
type Source struct {
	From  SourceKind
	Index int // Slot: 8-byte slot of ctx; Register, GoRegister, Note: number of the argument, from 0; Context: byte offset
	Size  int // Context: bytes to load (1, 2, 4, 8); a __data_loc word is loaded as 4
}

// SourceKind is a place in a program's context.
type SourceKind string

const (
	Slot     SourceKind = "slot"     // ctx[Index]: raw tracepoints, fentry, fexit (the return value too)
	Register SourceKind = "register" // an argument register in struct pt_regs: kprobes, uprobes
	Return   SourceKind = "return"   // the return register in struct pt_regs: kretprobes, uretprobes
	// GoRegister is an argument register as functions of Go use them (ABIInternal): an
	// alternative for binaries of Go, as Register is one for all others.
	GoRegister SourceKind = "goregister"
	// Caller is the stack pointer that the caller of a function of user space has after the
	// return: of the calls that a thread is in each has another one. At a function's entry
	// x86-64 has pushed the return address, which is below it; arm64 has not.
	Caller SourceKind = "caller"
	// Note is where the note of a USDT probe says. The program calls
	//
	//	static __attribute__((noinline, used)) long usdt_argument_INDEX(struct registers *ctx, u64 *value)
	//
	// whose instructions the runtime writes anew for each layout of arguments that it finds
	// among a probe's sites. It gives 0 and the value extended to 64 bits as its note says,
	// or a negative errno: then the event counts as a failed read and goes no further.
	Note    SourceKind = "note"
	Context SourceKind = "context" // a member of a tracepoint's record
	Within  SourceKind = "within"  // ctx + Index: the address of an array in a tracepoint's record
	Dynamic SourceKind = "dynamic" // ctx + (the low 16 bits of the __data_loc word at Index): a kernel string
)

// Owners says how the owner of a socket is learnt: programs that note who opens,
// accepts and destroys sockets, and one iterator run at start over every open file.
type Owners struct {
	Entries int       // of the map from socket to owner
	Ways    [][]Probe // ways to see sockets opened; the first whose probes all attach is taken
	Probes  []Probe   // attached in any case, before the sweep; Body is -1 in all of these
	Sweep   string    // the iterator program that notes the sockets already open
}

// Channel is how records leave the kernel.
type Channel struct {
	Kind ChannelKind
	Size int // bytes: the whole ring, or the perf buffer of one CPU; a power of two of pages
}

// ChannelKind names a channel.
type ChannelKind string

const (
	Ringbuf    ChannelKind = "ringbuf"
	Perfbuf    ChannelKind = "perfbuf"
	MapChannel ChannelKind = "map" // Plan.Table says more; Size is 0
)

// Output is what the spec asks for; flags of the command line stand above it.
type Output struct {
	Format  string   // table, json, csv
	Columns []string // the columns to show, in order; empty for all

	// Of a table:
	Interval int64     // ns between two reports; 0 for one at the end
	Keep     bool      // a report says what was counted since the start, not since the report before
	Sort     []SortKey // the first is the most important; empty for the order of the columns
	Top      int       // how many rows are shown; 0 for all
}

// SortKey is a column that rows are sorted by.
type SortKey struct {
	Field      int // in Record.Fields
	Descending bool
}

// Limits end or thin a run.
type Limits struct {
	Rate     uint64 // records per second, enforced in the kernel; 0 for none
	Duration int64  // ns; 0 for none
	Count    uint64 // records, of a table reports; 0 for none
}

// Escape is the spec's own C: restricted functions that expressions may call.
type Escape struct {
	Text string
	Line int // of its first line in the spec
}
