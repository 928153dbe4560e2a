package plan

// Format is what a spec writes behind `format:`: it changes how a value is rendered,
// and for bytes and strings also what they are taken for.
type Format struct {
	Meaning Meaning
	Kinds   []Kind // what it can be applied to
	Kind    Kind   // what the value is then, Void for unchanged
	Help    string
}

var (
	numbers    = []Kind{Int, Enumer, Bool}
	quantities = []Kind{Int, Float, Hist} // of a histogram: the bounds of its buckets
)

// Formats lists the formats by name.
var Formats = map[string]Format{
	"dec":      {Plain, numbers, Int, "a decimal number"},
	"hex":      {Hex, []Kind{Int, Enumer, Bytes}, Void, "hexadecimal: 0x1f, or bytes as 001f"},
	"time":     {Time, []Kind{Int}, Void, "ns of CLOCK_MONOTONIC as wall-clock time"},
	"duration": {Duration, quantities, Void, "ns as 1.234ms"},
	"size":     {ByteSize, quantities, Void, "bytes as 4.0KiB"},
	"port":     {Port, []Kind{Int}, Void, "a port number"},
	"errno":    {Errno, []Kind{Int}, Void, "a negative error number by name: -ENOENT"},
	"ksym":     {Symbol, []Kind{Int}, Void, "a kernel address as symbol+offset"},
	"syscall":  {Syscall, []Kind{Int}, Void, "a system call's number by name"},
	"signal":   {Signal, []Kind{Int}, Void, "a signal's number by name: SIGTERM"},
	"mode":     {Mode, []Kind{Int}, Void, "st_mode as ls writes it: -rw-r--r--"},
	"dev":      {Device, []Kind{Int}, Void, "the kernel's dev_t as major:minor"},
	"string":   {Text, []Kind{Bytes}, String, "bytes as text, to the first NUL"},
	"bytes":    {Plain, []Kind{String}, Bytes, "text as hexadecimal bytes"},
}
