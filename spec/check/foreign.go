package check

import (
	"regexp"
	"strings"
)

// What people write out of habit who come from bpftrace (man page of 0.17) or BCC, and what
// is written here.

// foreignNames are names of values.
var foreignNames = map[string]string{
	"username": "uid is the user's number",
	"jiffies":  "nsecs is the time, in ns",
	"numaid":   "cpu is the number of the CPU",
	"gettid":   "tid is the thread's number",
	"null":     "NULL",
	"nil":      "NULL",
	"none":     "NULL",
	"ts":       "time is the instant, nsecs the same in ns since the machine started",
	"now":      "time is the instant, nsecs the same in ns since the machine started",
}

// foreignFunctions are names of functions.
var foreignFunctions = map[string]string{
	"ntop":                  "ip(x) is an address, flow(sk) the addresses and ports of a socket",
	"bswap":                 "a __be16 or __be32 reads in host order; ntohs(x) and ntohl(x) turn other numbers",
	"printf":                "fields: are the columns of a record, and format: says how a value is shown",
	"print":                 "output: {interval: 1s, top: 5} reports a table each second",
	"clear":                 "output: {interval: 1s} counts anew after each report, unless clear: false",
	"zero":                  "output: {interval: 1s} counts anew after each report, unless clear: false",
	"delete":                "delete: m[k] takes an entry out",
	"strftime":              "time is the instant; format: time shows ns of CLOCK_MONOTONIC as one",
	"stats":                 "three fields: count(), avg(x), sum(x)",
	"exit":                  "limits: {duration: 10s, count: 100} ends the run",
	"system":                "a spec only looks",
	"signal":                "a spec only looks",
	"override":              "a spec only looks",
	"kptr":                  "kernel pointers are known as such by their types",
	"uptr":                  "ustr(p) reads the memory of the process",
	"p50":                   "quantiles(x, 0.5)",
	"p90":                   "quantiles(x, 0.9)",
	"p95":                   "quantiles(x, 0.95)",
	"p99":                   "quantiles(x, 0.99)",
	"median":                "quantiles(x, 0.5)",
	"quantile":              "quantiles(x, 0.5, 0.99)",
	"percentile":            "quantiles(x, 0.5, 0.99)",
	"percentiles":           "quantiles(x, 0.5, 0.99)",
	"mean":                  "avg(x)",
	"histogram":             "hist(x), or lhist(x, LOW, HIGH, STEP)",
	"quantize":              "hist(x)",
	"lquantize":             "lhist(x, LOW, HIGH, STEP)",
	"stddev":                "quantiles(x, 0.5, 0.99), min(x) and max(x) say how far values lie apart",
	"total":                 "sum(x)",
	"strlen":                "text has no length; s == \"\" asks for none, str(p, n) reads n bytes",
	"cgroupid":              "compare cgroup_path with text",
	"bpf_ktime_get_ns":      "nsecs",
	"bpf_get_current_comm":  "comm",
	"bpf_probe_read_kernel": "a.b follows pointers, each by a read of its own",
	"BPF_CORE_READ":         "a.b.c finds its way on every kernel",
}

var numberedArgument = regexp.MustCompile(`^s?arg([0-9]+)$`)

// foreign says what is written here in place of a name that is none; "" for what nobody
// writes elsewhere either.
func (b *body) foreign(name string) string {
	if m := numberedArgument.FindStringSubmatch(name); m != nil {
		hint := "args." + m[1] + " is an argument by its number"
		if names := b.candidate.Names(); len(names) > 0 && !numberedArgument.MatchString(names[0]) {
			hint += ", args.NAME one by its name: " + strings.Join(names, ", ")
		}
		return hint
	}
	return foreignNames[name]
}
