package plan

// Type is a value's type and meaning. It is a small comparable value: two values of
// equal types are rendered the same way.
type Type struct {
	Kind       Kind
	Size       int     `json:",omitempty"` // bytes of one value; capacity of a string, its NUL included
	Signed     bool    `json:",omitempty"` // Int, Enum
	BigEndian  bool    `json:",omitempty"` // Int as the kernel keeps it (__be16, __be32, __be64); never in a record
	Meaning    Meaning `json:",omitempty"` // how it renders
	Enum       int     `json:",omitempty"` // index into Plan.Enums plus one, 0 for none
	Name       string  `json:",omitempty"` // Pointer: the tag of the struct it leads to, "" for other types; Enum: its tag, "" if anonymous
	Elem       Kind    `json:",omitempty"` // Pointer, Array: the kind it leads to or holds
	ElemSize   int     `json:",omitempty"` // Pointer, Array: size in bytes of what it leads to or holds, 0 if unknown
	ElemSigned bool    `json:",omitempty"` // Pointer, Array of Int
	Union      bool    `json:",omitempty"` // Pointer to, or Struct that is, a union
	User       bool    `json:",omitempty"` // Pointer into user memory; Stack of a process; Int of a process that may be an address
	Len        int     `json:",omitempty"` // Array: number of elements
	Hist       int     `json:",omitempty"` // Hist: index into Plan.Histograms plus one
}

// Kind is the shape of a value.
type Kind string

const (
	Void      Kind = ""
	Int       Kind = "int"  // Size 1, 2, 4 or 8
	Bool      Kind = "bool" // one byte, 0 or 1
	Enumer    Kind = "enum" // an Int whose values have names
	Pointer   Kind = "pointer"
	Array     Kind = "array"
	Aggregate Kind = "struct" // a struct or union by value: only a step on the way to a member
	String    Kind = "string" // Size bytes, ends at the first NUL
	Bytes     Kind = "bytes"  // Size bytes as they are
	IP        Kind = "ip"     // 16 bytes in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2)
	Prefix    Kind = "prefix" // a network, only as the type of a param
	Flow      Kind = "flow"   // FlowSize bytes, see there
	Owner     Kind = "owner"  // OwnerSize bytes, see there
	Stack     Kind = "stack"  // StackSize bytes, see Stacks: the number of a stack, 0 for an empty one; User says whose
	Float     Kind = "float"  // 8 bytes, IEEE 754 binary64; only in a table's rows
	Hist      Kind = "hist"   // the u64 counts of a Histogram's buckets; Meaning is that of the values counted
)

// A Flow in a record: the addresses as IP, then the ports in host order, then zeros.
const (
	FlowSaddr = 0  // 16 bytes: local address
	FlowDaddr = 16 // 16 bytes: remote address
	FlowSport = 32 // u16: local port
	FlowDport = 34 // u16: remote port
	FlowPad   = 36 // 4 zero bytes
	FlowSize  = 40
	FlowAlign = 8
)

// An Owner in a record: a process by tgid and by the comm of its main thread. A pid of
// 0 means that the owner cannot be known.
const (
	OwnerPid   = 0 // u32: tgid
	OwnerComm  = 4 // 16 bytes (TASK_COMM_LEN, include/linux/sched.h)
	OwnerSize  = 20
	OwnerAlign = 4
)

// Meaning says what a number or byte string is of, hence how it is written.
type Meaning string

const (
	Plain    Meaning = ""
	Hex      Meaning = "hex"      // 0x…, lower case, no padding
	Time     Meaning = "time"     // ns of CLOCK_MONOTONIC: an instant, written as wall-clock time
	Duration Meaning = "duration" // ns, written as 1.234ms
	ByteSize Meaning = "size"     // bytes, written as 4.0KiB
	Port     Meaning = "port"     // host order
	Errno    Meaning = "errno"    // negative: its name (-ENOENT); else the number
	Symbol   Meaning = "ksym"     // a kernel address; of a Stack, the address that is its one frame
	Syscall  Meaning = "syscall"  // a system call's number
	Signal   Meaning = "signal"
	Mode     Meaning = "mode"   // st_mode: drwxr-xr-x
	Device   Meaning = "dev"    // major:minor of the kernel's dev_t
	Text     Meaning = "string" // bytes as text
)

// Align returns the alignment of the type in a record, in bytes.
func (t Type) Align() int {
	switch t.Kind {
	case String, Bytes, Bool:
		return 1
	case IP:
		return 8
	case Flow:
		return FlowAlign
	case Owner:
		return OwnerAlign
	case Hist:
		return 8
	}
	return max(1, t.Size)
}

// Part is one named part of a composite value.
type Part struct {
	Name   string
	Type   Type
	Offset int // bytes from the start of the value
}

// Parts returns the named parts of a composite kind in the order in which they are
// shown, or nil: flow.saddr flow.sport flow.daddr flow.dport, owner.pid owner.comm.
func (k Kind) Parts() []Part {
	switch k {
	case Flow:
		return []Part{
			{"saddr", Type{Kind: IP, Size: 16}, FlowSaddr},
			{"sport", Type{Kind: Int, Size: 2, Meaning: Port}, FlowSport},
			{"daddr", Type{Kind: IP, Size: 16}, FlowDaddr},
			{"dport", Type{Kind: Int, Size: 2, Meaning: Port}, FlowDport},
		}
	case Owner:
		return []Part{
			{"pid", Type{Kind: Int, Size: 4}, OwnerPid},
			{"comm", Type{Kind: String, Size: 16}, OwnerComm},
		}
	}
	return nil
}
