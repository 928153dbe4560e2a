// Package machinery is what generated packages share: loading, attaching, the ring
// buffer, the rows of a table, values.
//
// It is real code, so that it is compiled, vetted and tested where it lies. Package golang
// copies its files into a generated package and leaves out the lines between
// `//ebgen:if NAME` and `//ebgen:end` when the spec has no need of them; behind
// `//ebgen:else` stands what it needs instead. This file is never copied: it stands in for
// what package golang prints of a spec.
package machinery

import (
	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var (
	object        []byte
	kernelStructs []kernelStruct
	probes        = []probe{{alternatives: []alternative{
		{attach: rawTracepoint("")},
		{attach: tracepoint("", "")},
		{attach: kprobe("")},
		{attach: kretprobe("")},
		{attach: trampoline(ebpf.AttachTraceFEntry)},
		{attach: iterator},
		{attach: onDemand(atBegin)},
		{attach: sampled(unix.PerfEventAttr{}, true)},
	}}}
	ownerProbes []probe
	ownerWays   [][]probe
	tableMaps   = [2]string{"totals", "totals_idle"}
	_           = readRow
)

const ownerSweep = "owner_sweep"

// Params stands in for a spec's.
type Params struct {
	Port *uint16
	Pids []uint32
	Nets []networkKey
	Name *string
	Took *int64
}

func (p *Params) set(spec *ebpf.CollectionSpec) error {
	s := paramSetter{spec: spec}
	if p.Port != nil {
		s.set("port", *p.Port)
	}
	if p.Took != nil {
		s.nonNegative("took", *p.Took)
	}
	if p.Name != nil {
		text := make([]byte, 16)
		s.text("name", *p.Name, text)
		s.set("name", text)
	}
	setList(&s, "pids", p.Pids)
	setList(&s, "nets", p.Nets)
	return s.err
}

// Event stands in for a spec's record.
type Event struct {
	Owner Owner
	Flow  Flow
	Time  Instant
}

// UnmarshalBinary stands in for a spec's decoder.
func (e *Event) UnmarshalBinary([]byte) error { return nil }

// Owner stands in for what is printed of a process.
type Owner struct{}

// Key stands in for what a table counts by.
type Key struct{ Pid uint64 }

// Value stands in for what is counted.
type Value struct{ Events uint64 }

func (v *Value) merge(o *Value) { v.Events += o.Events }

// Row stands in for a row of a table.
type Row struct{ Pid, Events uint64 }

func makeRow(k *Key, v *Value) Row { return Row{k.Pid, v.Events} }

var (
	_ = buckets[uint64]
	_ = quantile[int64]
	_ = sumBuckets
	_ = flagNames
	_ = textOf
	_ = finite
	_ = truth
	_ = millionths
	_ = (*paramSetter).address
	_ = (*paramSetter).network
	_ = (*Tracer).tallies
	_ = (*Tracer).left
	_ = (*Tracer).counter
	_ = (*Tracer).missedEvents
)
