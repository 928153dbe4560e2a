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

// Version is the version of the stored form. A bundle of another version is not read.
const Version = 1

// Plan is one tracer, ready to be printed as C and to be run.
type Plan struct {
	Version     int
	Name        string // a C identifier: the C functions and the Go package start with it
	Description string
	File        string // base name of the spec, as #line and diagnostics give it
	Line        int    // of the name, for statements that belong to no probe
	Params      []Param
	Constants   []Constant // enumerators and macros the expressions use, sorted by name
	Enums       []Enum     // names of enum values, for rendering; Type.Enum indexes it
	Structs     []Struct   // what is read of kernel types, each before its first use by value
	Record      Record
	Bodies      []Body
	Probes      []Probe // what the spec asks to trace, in its order
	Owners      *Owners // how owner(sk) is known, or nil when no field asks
	Channel     Channel
	Output      Output
	Limits      Limits
	C           *Escape // the spec's own C, or nil
	Warnings    []Warning
	Kernel      string // release of the kernel whose BTF the spec was checked against
}

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
	Values []EnumValue
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

// Body is one C function: filters, then one assignment per field.
type Body struct {
	Name    string // C identifier
	Line    int    // of the probe in the spec
	Args    []Arg  // typed parameters of the function, only those used
	Filters []Filter
	Fields  []Assign // by column; the fields this probe has
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
}

// Attachment is one way to attach one body: a BPF program of its own.
type Attachment struct {
	Kind    AttachKind
	Target  string   // kernel symbol, or category:name of a tracepoint
	Program string   // name of the C program
	Body    int      // index into Plan.Bodies, -1 for a program of a template (owners)
	Args    []Source // where each of the body's Args comes from, same order
}

// AttachKind is a kind of BPF program and its attach point.
type AttachKind string

const (
	RawTracepoint AttachKind = "rawtracepoint"
	Tracepoint    AttachKind = "tracepoint"
	Kprobe        AttachKind = "kprobe"
	Kretprobe     AttachKind = "kretprobe"
	Fentry        AttachKind = "fentry"
	Fexit         AttachKind = "fexit"
	Iterator      AttachKind = "iter"
)

// Source says where a program finds one argument.
type Source struct {
	From  SourceKind
	Index int // Slot: 8-byte slot of ctx; Register: number of the argument, from 0; Context: byte offset
	Size  int // Context: bytes to load (1, 2, 4, 8); a __data_loc word is loaded as 4
}

// SourceKind is a place in a program's context.
type SourceKind string

const (
	Slot     SourceKind = "slot"     // ctx[Index]: raw tracepoints, fentry, fexit (the return value too)
	Register SourceKind = "register" // an argument register in struct pt_regs: kprobes
	Return   SourceKind = "return"   // the return register in struct pt_regs: kretprobes
	Context  SourceKind = "context"  // a member of a tracepoint's record
	Dynamic  SourceKind = "dynamic"  // ctx + (the low 16 bits of the __data_loc word at Index): a kernel string
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
	Ringbuf ChannelKind = "ringbuf"
	Perfbuf ChannelKind = "perfbuf"
)

// Output is what the spec asks for; flags of the command line stand above it.
type Output struct {
	Format  string   // table, json, csv
	Columns []string // the columns to show, in order; empty for all
}

// Limits end or thin a run.
type Limits struct {
	Rate     uint64 // records per second, enforced in the kernel; 0 for none
	Duration int64  // ns; 0 for none
	Count    uint64 // records; 0 for none
}

// Escape is the spec's own C: restricted functions that expressions may call.
type Escape struct {
	Text string
	Line int // of its first line in the spec
}
