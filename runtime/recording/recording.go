// Package recording keeps what a run got from the kernel in a file, and gives it again.
//
// In goes what a sink is given: records, or the entries of a table's reports. The file gets
// them as they are, with all that rendering asks for beside them: the plan, the clock, the
// names of addresses, stacks and system calls; at the end the account of the run.
//
//	rec, err := recording.Create("tcpretrans.rec", head, env)
//	account, err := runtime.Run(ctx, bundle, runtime.Options{Sink: rec.Tee(sink), Stacks: book})
//	err = rec.Close(account)
//
//	r, err := recording.Open(file)
//	account, err := runtime.Replay(ctx, r.Head().Plan, r, runtime.Options{Sink: sink})
//
// The file is magic and then chunks, each of them
//
//	u32 bytes of the payload, u32 CRC-32C of what follows, u8 kind, payload
//
// all numbers little endian, but for what the kernel has made: that is in the byte order that
// the head names. A chunk is written by one write(2), so that of a tracer that is killed all
// chunks but the last are there. docs/decisions/recordings.md says why.
package recording

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// magic opens a recording; its last byte is the version of the form. A recording of a former
// version is read as long as an incident may be looked into: see testdata.
var magic = [8]byte{'e', 'b', 'g', 'e', 'n', 'R', 0, 1}

// Errors of a file that is no recording, or not all of one.
var (
	ErrNone    = errors.New("it is no recording")
	ErrVersion = errors.New("it was recorded in another form than this ebgen reads")
	ErrDamaged = errors.New("the recording is damaged")
	ErrCut     = errors.New("the recording ends without its account: the tracer was killed, its disk was full, or it still records")
)

// kind says what a chunk holds. Kinds that a reader does not know are passed over.
type kind byte

const (
	headChunk    kind = 1 // JSON of Head; the first one
	factsChunk   kind = 2 // JSON of Facts, for what follows
	recordsChunk kind = 3 // u32 how many, then the records
	entriesChunk kind = 4 // u32 how many, then of each its key and its value, of all CPUs together
	reportChunk  kind = 5 // i64 ns since 1970: when the report of the entries before it was made
	lostChunk    kind = 6 // u64 records or entries that stood here and that the file did not take
	endChunk     kind = 7 // JSON of end; the last one
)

const (
	chunkHead = 4 + 4 + 1
	// largestChunk bounds the payload, and with that what a reader keeps of one.
	largestChunk = 64 << 20
	// largestText bounds a payload of JSON, of which the shortest lists take the most memory.
	largestText = 16 << 20
	// deepest bounds the frames of one stack, those of inlined functions among them.
	deepest = 1 << 14
	// largestRecord bounds the bytes of one record or row: a plan out of a file is not trusted.
	largestRecord = 16 << 20
	// usualChunk is where a writer begins another one.
	usualChunk = 1 << 20
	// mostFresh is how many names a writer gathers for one chunk, about 100 bytes each.
	mostFresh = 1 << 14
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendChunk appends a chunk whose payload is the parts.
func appendChunk(dst []byte, k kind, parts ...[]byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, chunkHead)...)
	dst[start+8] = byte(k)
	for _, part := range parts {
		dst = append(dst, part...)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-chunkHead))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(dst[start+8:], castagnoli))
	return dst
}

// Head says what was recorded, and where.
type Head struct {
	Plan    *plan.Plan          // what rendering needs of it
	Params  map[string][]string `json:",omitempty"` // values, as flags gave them
	Spec    string              `json:",omitempty"` // text of the spec, "" when it is not known
	Host    Host
	Started time.Time
	Order   string // byte order of records: little or big
}

// Host is the machine that was traced.
type Host struct {
	Name    string
	Release string // of its kernel
	CPUs    int
}

// rendered is what rendering needs of a plan: the programs and the types that they read stay
// out, so that recordings outlive changes of how these are planned.
func rendered(p *plan.Plan) *plan.Plan {
	kept := *p
	kept.Constants, kept.Structs, kept.Bodies, kept.Probes = nil, nil, nil, nil
	kept.Owners, kept.C, kept.Warnings, kept.Facts = nil, nil, nil, nil
	return &kept
}

// nativeOrder is this machine's byte order.
func nativeOrder() string {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return "little"
	}
	return "big"
}

// Facts is what rendering has asked for beside records.
type Facts struct {
	Clock    *int64    `json:"clock,omitempty"` // ns to add to CLOCK_MONOTONIC for ns since 1970, from here on
	Symbols  []symbol  `json:"symbols,omitempty"`
	Syscalls []syscall `json:"syscalls,omitempty"`
	Frames   []frame   `json:"frames,omitempty"`
	Stacks   []kept    `json:"stacks,omitempty"`
}

// len counts the names.
func (f *Facts) len() int { return len(f.Symbols) + len(f.Syscalls) + len(f.Frames) + len(f.Stacks) }

// symbol is the name of a kernel address, "" when it has none.
type symbol struct {
	Address uint64 `json:"address"`
	Name    string `json:"name,omitempty"`
	Module  string `json:"module,omitempty"`
	Offset  uint64 `json:"offset,omitempty"`
}

// syscall is the name of a system call, "" when it has none.
type syscall struct {
	Number int64  `json:"number"`
	Name   string `json:"name,omitempty"`
}

// kept is a stack by its number, of the numbers of frames. One that has got more names comes
// again.
type kept struct {
	ID     uint64 `json:"id"`
	Frames []int  `json:"frames"`
}

// frame is a stack.Frame by a number.
type frame struct {
	N       int    `json:"n"`
	Name    string `json:"name,omitempty"`
	Offset  uint64 `json:"offset,omitempty"`
	Module  string `json:"module,omitempty"`
	Address uint64 `json:"address"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Inlined bool   `json:"inlined,omitempty"`
	Kernel  bool   `json:"kernel,omitempty"`
}

func newFrame(n int, f stack.Frame) frame {
	return frame{n, f.Name, f.Offset, f.Module, f.Address, f.File, f.Line, f.Inlined, f.Kernel}
}

// Frame is the frame without its number.
func (f frame) Frame() stack.Frame {
	return stack.Frame{Name: f.Name, Offset: f.Offset, Module: f.Module, Address: f.Address, File: f.File, Line: f.Line, Inlined: f.Inlined, Kernel: f.Kernel}
}

// Apart is the facts one by one.
func (f Facts) Apart() (all []Facts) {
	if f.Clock != nil {
		all = append(all, Facts{Clock: f.Clock})
	}
	for _, s := range f.Symbols {
		all = append(all, Facts{Symbols: []symbol{s}})
	}
	for _, s := range f.Syscalls {
		all = append(all, Facts{Syscalls: []syscall{s}})
	}
	for _, one := range f.Frames {
		all = append(all, Facts{Frames: []frame{one}})
	}
	for _, s := range f.Stacks {
		all = append(all, Facts{Stacks: []kept{s}})
	}
	return all
}
