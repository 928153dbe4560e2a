package decode

import (
	"net/netip"

	"github.com/ebgen/ebgen/spec/plan"
)

// Value is one field of one record, for Go callers. Which methods mean something
// depends on Type.Kind. It aliases the record.
type Value struct {
	Name   string
	Type   plan.Type
	Absent bool // the field has no value in this record; the methods then mean nothing
	cell   cell
	rec    []byte
}

// Decode reads one record and returns one value per field, in column order. The values
// alias rec, so use or copy them before it is overwritten. A rec of another length gives
// ErrRecordSize: a ring buffer keeps a sample's exact length (struct bpf_ringbuf_hdr,
// kernel/bpf/ringbuf.c, Linux 5.8), so there is no slack to forgive.
func (d *Decoder) Decode(rec []byte) ([]Value, error) {
	if err := d.Check(rec); err != nil {
		return nil, err
	}
	values := make([]Value, len(d.columns))
	for i, f := range d.plan.Record.Fields {
		absent := d.columns[i].Absent
		values[i] = Value{f.Name, f.Type, absent != nil && absent(rec), cell{f.Type, f.Offset}, rec}
	}
	return values, nil
}

// Uint returns an Int, Enumer, Bool or Pointer without a sign, or the number of a Stack.
func (v Value) Uint() uint64 { return load(v.rec[v.cell.at:], v.cell.Size) }

// Int returns an Int or Enumer; the sign is the type's.
func (v Value) Int() int64 { return int64(v.cell.integer(v.rec)) }

// Bool returns a Bool: whether the byte is not 0.
func (v Value) Bool() bool { return v.Uint() != 0 }

// Float returns a Float.
func (v Value) Float() float64 { return v.cell.float(v.rec) }

// Counts returns the counts of a Hist, by bucket (plan.Histogram.Bucket).
func (v Value) Counts() []uint64 {
	counts := make([]uint64, v.cell.Size/8)
	for i := range counts {
		counts[i] = load(v.rec[v.cell.at+8*i:], 8)
	}
	return counts
}

// Text returns a String, up to its first NUL.
func (v Value) Text() string { return string(v.cell.text(v.rec)) }

// Bytes returns the bytes of any value as they lie in the record.
func (v Value) Bytes() []byte { return v.cell.bytes(v.rec) }

// Addr returns an IP; IPv4 is unmapped.
func (v Value) Addr() netip.Addr { return addressAt(v.rec, v.cell.at) }

// Flow returns both ends of a Flow.
func (v Value) Flow() (local, remote netip.AddrPort) {
	at := v.cell.at
	return addressPortAt(v.rec, at+plan.FlowSaddr, at+plan.FlowSport), addressPortAt(v.rec, at+plan.FlowDaddr, at+plan.FlowDport)
}

// Owner returns the process of an Owner. A pid of 0 means unknown.
func (v Value) Owner() (pid uint32, comm string) {
	c := cell{plan.Type{Size: plan.OwnerSize - plan.OwnerComm}, v.cell.at + plan.OwnerComm}
	return uint32(load(v.rec[v.cell.at+plan.OwnerPid:], 4)), string(c.text(v.rec))
}
