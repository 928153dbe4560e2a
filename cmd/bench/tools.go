package main

import (
	"cmp"
	"slices"
	"strings"
)

// tool is one way to do a job.
type tool struct {
	name    string
	command string // run by no shell; its words stand between blanks
	// cold has ebgen compile each time: its cache is an empty folder.
	cold  bool
	event string // that it traces; "" for readahead
	// programs of the kernel's run once the tool is attached.
	programs int
	slow     bool // a million events take it long enough
}

// traced is the event that it traces.
func (t tool) traced() string { return cmp.Or(t.event, "readahead") }

func (t tool) words() []string { return strings.Fields(t.command) }

// floor is the tool whose figures the ratios are to.
const floor = "C and libbpf"

// What the jobs' tools are called.
const (
	ebgen     = "ebgen run, cached"
	built     = "ebgen build"
	bpftrace  = "bpftrace"
	bcc       = "BCC, Python"
	quiet     = "C and libbpf, no wake-ups"
	libbpf    = "libbpf-tools"
	uncached  = "ebgen run, uncached"
	ebgenJSON = "ebgen run, json"
	ebgenCSV  = "ebgen run, csv"
)

// starts are measured from their exec to the first record that they print.
var starts = []tool{
	{name: floor, command: "bin/floor/record"},
	{name: built, command: "bin/floor/ebgen-record"},
	{name: ebgen, command: "bin/ebgen run bench/specs/record.yaml"},
	{name: uncached, command: "bin/ebgen run bench/specs/record.yaml", cold: true},
	{name: bpftrace, command: "bpftrace bench/peers/record.bt"},
	{name: bcc, command: "bench/peers/record.py"},
	{name: libbpf + ": opensnoop", command: "stdbuf -oL opensnoop"},
	{name: ebgen + ": opensnoop", command: "bin/ebgen run opensnoop"},
}

// records print every call.
var records = []tool{
	{name: floor, command: "bin/floor/record", programs: 1},
	{name: quiet, command: "bin/floor/record -q", programs: 1},
	{name: ebgen, command: "bin/ebgen run bench/specs/record.yaml", programs: 1},
	{name: ebgenJSON, command: "bin/ebgen run bench/specs/record.yaml -o json", programs: 1},
	{name: ebgenCSV, command: "bin/ebgen run bench/specs/record.yaml -o csv", programs: 1},
	{name: bpftrace, command: "bpftrace bench/peers/record.bt", programs: 1},
	{name: bcc, command: "bench/peers/record.py", programs: 1},
}

// sustained print a million names a second.
var sustained = []tool{
	{name: floor, command: "bin/floor/rename", event: "task_rename", programs: 1},
	{name: quiet, command: "bin/floor/rename -q", event: "task_rename", programs: 1},
	{name: ebgen, command: "bin/ebgen run bench/specs/rename.yaml", event: "task_rename", programs: 1},
	{name: ebgenJSON, command: "bin/ebgen run bench/specs/rename.yaml -o json", event: "task_rename", programs: 1},
	{name: bpftrace, command: "bpftrace bench/peers/rename.bt", event: "task_rename", programs: 1, slow: true},
}

// job is what several tools do.
type job struct {
	name  string
	tools []tool
}

// jobs are measured in the kernel.
var jobs = []job{
	{"record", append(slices.Clone(records[:3]), records[5])},
	{"count", trio("count", 1)},
	{"histogram", trio("hist", 1)},
	{"span", trio("span", 2)},
}

// reports make a table of 100,003 rows, sorted.
var reports = trio("keys", 1)

// trio is a job as C, as a spec and as a script.
func trio(name string, programs int) []tool {
	return []tool{
		{name: floor, command: "bin/floor/" + name, programs: programs},
		{name: ebgen, command: "bin/ebgen run bench/specs/" + name + ".yaml", programs: programs},
		{name: bpftrace, command: "bpftrace bench/peers/" + name + ".bt", programs: programs},
	}
}
