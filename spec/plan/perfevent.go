package plan

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// PerfEvent is something that the kernel or a CPU counts by itself.
type PerfEvent struct {
	Number uint64 // of enum perf_sw_ids or perf_hw_id, include/uapi/linux/perf_event.h
	Help   string
}

// SoftwareEvents lists what the kernel counts, by name. Its clocks are not among them: a
// Profile is the one of a CPU.
var SoftwareEvents = map[string]PerfEvent{
	"page-faults":      {2, "page faults"},
	"context-switches": {3, "switches from one task to another"},
	"cpu-migrations":   {4, "tasks that went on on another CPU"},
	"minor-faults":     {5, "page faults that needed no reading from a disk"},
	"major-faults":     {6, "page faults that did"},
	"alignment-faults": {7, "unaligned accesses that the kernel carried out"},
	"emulation-faults": {8, "instructions that the kernel carried out"},
	"cgroup-switches":  {11, "switches to a task of another cgroup (Linux 5.13)"},
}

// HardwareEvents lists what the CPU counts, by name. A machine may have none of them:
// a virtual one often has not.
var HardwareEvents = map[string]PerfEvent{
	"cpu-cycles":              {0, "cycles"},
	"instructions":            {1, "instructions that were completed"},
	"cache-references":        {2, "accesses to the last cache"},
	"cache-misses":            {3, "accesses to the last cache that went on to memory"},
	"branch-instructions":     {4, "branches that were completed"},
	"branch-misses":           {5, "branches that were predicted wrongly"},
	"bus-cycles":              {6, "cycles of the bus"},
	"stalled-cycles-frontend": {7, "cycles without an instruction to begin"},
	"stalled-cycles-backend":  {8, "cycles in which no instruction could be completed"},
	"ref-cycles":              {9, "cycles at the CPU's nominal frequency"},
}

// Sampling is the target of a Profile, an Interval, a Software or a Hardware attachment.
type Sampling struct {
	Event     string // of Software and Hardware, else ""
	Frequency uint64 // times a second, or 0
	Period    uint64 // ns, for Software and Hardware events; 0 when Frequency is given
}

// leastPeriod is the shortest time between two ticks that the kernel's timer for perf
// events does not lengthen, in ns (perf_swevent_start_hrtimer, kernel/events/core.c).
const leastPeriod = 10_000

// samplingUnits are the units of time of a target, in ns.
var samplingUnits = map[string]uint64{"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}

// ParseSampling parses the target of such a kind; its errors are whole sentences.
func ParseSampling(k AttachKind, target string) (Sampling, error) {
	what, text, given := strings.Cut(target, ":")
	n := uint64(1)
	if given {
		var err error
		if n, err = strconv.ParseUint(text, 10, 63); err != nil || n == 0 {
			return Sampling{}, fmt.Errorf("%q is not a number from 1", text)
		}
	}
	switch k {
	case Software:
		return sampledEvent(SoftwareEvents, what, n)
	case Hardware:
		return sampledEvent(HardwareEvents, what, n)
	}
	s := Sampling{Frequency: n}
	if what != "hz" {
		unit, ok := samplingUnits[what]
		if !ok || !given {
			if unit := strings.TrimLeft(target, "0123456789"); unit != target && samplingUnits[unit] > 0 { // 10ms
				return Sampling{}, fmt.Errorf("%q is not a time: write %s:%s", target, unit, strings.TrimSuffix(target, unit))
			}
			return Sampling{}, fmt.Errorf("%q is not a time: write hz:99, s:1, ms:10 or us:100", target)
		}
		if n > math.MaxInt64/unit {
			return Sampling{}, fmt.Errorf("%s is longer than the kernel can wait", target)
		}
		s = Sampling{Period: n * unit}
	} else if !given {
		return Sampling{}, fmt.Errorf("%q does not say how often: write hz:99", target)
	}
	if s.Frequency > 1_000_000_000/leastPeriod || s.Period > 0 && s.Period < leastPeriod {
		return Sampling{}, fmt.Errorf("%s is more often than every 10 us, the least that the kernel does", target)
	}
	return s, nil
}

func sampledEvent(events map[string]PerfEvent, name string, count uint64) (Sampling, error) {
	if _, ok := events[name]; !ok {
		return Sampling{}, fmt.Errorf("there is no event %q: %s", name, strings.Join(slices.Sorted(maps.Keys(events)), " "))
	}
	return Sampling{Event: name, Period: count}, nil
}
