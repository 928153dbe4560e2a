package decode

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/ebgen/ebgen/spec/plan"
)

// MaxRecord bounds the size of a record. The kernel takes no larger sample: the length
// in struct bpf_ringbuf_hdr has 30 bits (kernel/bpf/ringbuf.c, Linux 5.8).
const MaxRecord = 1 << 30

// sizes lists the sizes in bytes that a value of each kind can have in a record; nil
// means any. A kind that is not listed is never in a record.
var sizes = map[plan.Kind][]int{
	plan.Int:     {1, 2, 4, 8},
	plan.Enumer:  {1, 2, 4, 8},
	plan.Pointer: {8},
	plan.Bool:    {1},
	plan.String:  nil,
	plan.Bytes:   nil,
	plan.IP:      {16},
	plan.Flow:    {plan.FlowSize},
	plan.Owner:   {plan.OwnerSize},
	plan.Float:   {8},
	plan.Hist:    nil, // checkHistogram
	plan.Stack:   {plan.StackSize},
}

// extent is a range of bytes of a record and what lies there.
type extent struct {
	start, end int
	name       string
}

// checkLayout makes sure that every access to a record of p lies inside it, so that the
// columns need no checks of their own. A plan out of a stored bundle is not trusted.
func checkLayout(p *plan.Plan) error {
	r := p.Record
	if r.Size < 0 || r.Size > MaxRecord {
		return fmt.Errorf("size %d is not between 0 and %d", r.Size, MaxRecord)
	}
	var used []extent
	if r.Absent != -1 {
		used = append(used, extent{r.Absent, r.Absent + 8, "the absent word"})
	}
	names, bits := map[string]bool{}, map[int]string{}
	for _, f := range r.Fields {
		if err := checkType(p, f.Type); err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
		if names[f.Name] {
			return fmt.Errorf("two fields are named %q", f.Name)
		}
		names[f.Name] = true
		if f.Bit != -1 {
			if f.Bit < 0 || f.Bit > 63 || r.Absent == -1 {
				return fmt.Errorf("field %q: there is no bit %d in the absent word", f.Name, f.Bit)
			}
			if other, ok := bits[f.Bit]; ok {
				return fmt.Errorf("fields %q and %q share bit %d of the absent word", other, f.Name, f.Bit)
			}
			bits[f.Bit] = f.Name
		}
		// A size is at most MaxRecord here and an offset is checked below, but their sum
		// is taken first: on a hostile offset it may wrap to a negative end, which fails too.
		used = append(used, extent{f.Offset, f.Offset + f.Type.Size, fmt.Sprintf("field %q", f.Name)})
	}
	slices.SortStableFunc(used, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	for i, e := range used {
		if e.start < 0 || e.end < e.start || e.end > r.Size {
			return fmt.Errorf("%s lies outside of the record's %d bytes", e.name, r.Size)
		}
		if i > 0 && e.start < used[i-1].end {
			return fmt.Errorf("%s and %s overlap", used[i-1].name, e.name)
		}
	}
	return nil
}

// checkType makes sure that t can be in a record and that there is a way to write it.
func checkType(p *plan.Plan, t plan.Type) error {
	want, ok := sizes[t.Kind]
	switch {
	case !ok:
		return fmt.Errorf("a value of kind %q cannot be in a record", t.Kind)
	case want != nil && !slices.Contains(want, t.Size), t.Size < 1, t.Size > MaxRecord:
		return fmt.Errorf("a value of kind %q cannot have %d bytes", t.Kind, t.Size)
	case t.BigEndian:
		return fmt.Errorf("a record holds host values only, not big endian ones")
	case t.Enum < 0 || t.Enum > len(p.Enums):
		return fmt.Errorf("there is no enum %d in the plan", t.Enum)
	case forms[t.Kind][t.Meaning] == nil:
		return fmt.Errorf("a value of kind %q cannot be shown as %q", t.Kind, t.Meaning)
	case t.Kind == plan.Hist:
		return checkHistogram(p, t)
	}
	return nil
}

// checkHistogram makes sure that t has exactly the buckets of its histogram.
func checkHistogram(p *plan.Plan, t plan.Type) error {
	if t.Hist < 1 || t.Hist > len(p.Histograms) {
		return fmt.Errorf("there is no histogram %d in the plan", t.Hist)
	}
	h := &p.Histograms[t.Hist-1]
	// More bits or steps than these make more buckets than a record holds, in numbers that
	// might wrap.
	const most = MaxRecord / 8
	switch {
	case !h.Linear && (h.Bits < 0 || h.Bits >= bits.Len(most)),
		h.Linear && (h.Step < 1 || h.High <= h.Low || (uint64(h.High)-uint64(h.Low))/uint64(h.Step) > most):
		return fmt.Errorf("histogram %d of the plan is none: %+v", t.Hist, *h)
	case t.Size != 8*h.Buckets():
		return fmt.Errorf("histogram %d has %d buckets, which are not %d bytes", t.Hist, h.Buckets(), t.Size)
	}
	return nil
}
