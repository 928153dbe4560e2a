package plan

// Builtin is a name that has a value in every probe.
type Builtin struct {
	Type    Type
	Context bool // the value is of the task that happens to run, not of what the probe is about
	Help    string
}

// Builtins lists the builtin values by name. bpf-helpers(7) is the source of each.
var Builtins = map[string]Builtin{
	"pid":         {Type{Kind: Int, Size: 4}, true, "process id of the running task (the kernel's tgid)"},
	"tid":         {Type{Kind: Int, Size: 4}, true, "thread id of the running task (the kernel's pid)"},
	"ppid":        {Type{Kind: Int, Size: 4}, true, "process id of the running task's parent"},
	"uid":         {Type{Kind: Int, Size: 4}, true, "user id of the running task"},
	"gid":         {Type{Kind: Int, Size: 4}, true, "group id of the running task"},
	"comm":        {Type{Kind: String, Size: 16}, true, "name of the running thread (TASK_COMM_LEN is 16)"},
	"cgroup":      {Type{Kind: Int, Size: 8}, true, "cgroup v2 id of the running task"},
	"cgroup_path": {Type{Kind: String, Size: 256}, true, "path of the running task's cgroup v2, below where that is mounted"},
	"curtask":     {Type{Kind: Pointer, Size: 8, Elem: Aggregate, Name: "task_struct"}, true, "the running task, a struct task_struct *"},
	"cpu":         {Type{Kind: Int, Size: 4}, false, "number of the CPU"},
	"nsecs":       {Type{Kind: Int, Size: 8, Meaning: Plain}, false, "ns of CLOCK_MONOTONIC"},
	"time":        {Type{Kind: Int, Size: 8, Meaning: Time}, false, "the instant, shown as wall-clock time"},
	"elapsed":     {Type{Kind: Int, Size: 8, Meaning: Duration}, false, "ns since the tracer started"},
	"rand":        {Type{Kind: Int, Size: 4}, false, "a pseudo-random number"},
	"kstack":      {Type{Kind: Stack, Size: StackSize}, false, "the kernel's stack"},
	"ustack":      {Type{Kind: Stack, Size: StackSize, User: true}, true, "the stack of the running process"},
	"func":        {Type{Kind: String, Size: 64}, false, "the traced function or tracepoint, as text"},
	"probe":       {Type{Kind: String, Size: 64}, false, "the probe that fired, as the spec spells it"},
}

// Function is a function that expressions may call.
type Function struct {
	Usage    string
	Fallible bool // it reads memory or looks something up, so it can have no value
	Help     string
}

// Functions lists the functions by name.
var Functions = map[string]Function{
	"str":          {"str(POINTER[, LENGTH][, SIZE])", true, "the string at a kernel or user pointer, of LENGTH bytes or to its NUL, in SIZE bytes with a NUL (256)"},
	"ustr":         {"ustr(POINTER[, LENGTH][, SIZE])", true, "the string at a user pointer, whatever its type says"},
	"path":         {"path(FILE[, SIZE])", true, "the path of a struct file *, path *, dentry * or cgroup *, in SIZE bytes with a NUL (256)"},
	"buf":          {"buf(POINTER, SIZE)", true, "SIZE bytes at a kernel or user pointer"},
	"ip":           {"ip(ADDRESS)", true, "an IP address: a __be32, a struct in_addr or in6_addr, or 4 or 16 bytes"},
	"flow":         {"flow(SOCK)", true, "the 4-tuple of a struct sock *, or from the headers of a struct sk_buff *: saddr sport daddr dport"},
	"owner":        {"owner(SOCK)", true, "the process that opened a struct sock *: pid comm"},
	"ntohs":        {"ntohs(X)", false, "the 16 bits of X from network to host order"},
	"ntohl":        {"ntohl(X)", false, "the 32 bits of X from network to host order"},
	"ksym":         {"ksym(ADDRESS)", false, "a kernel address as symbol+offset"},
	"has_prefix":   {"has_prefix(STRING, TEXT)", false, "whether STRING starts with the constant TEXT"},
	"strncmp":      {"strncmp(STRING, TEXT, N)", false, "0 when the first N bytes are equal, else not 0"},
	"log2":         {"log2(X)", false, "the position of the highest set bit of X, 0 for 0 and 1"},
	"min":          {"min(A[, B])", false, "the smaller of two numbers; in channel: map min(X) is the least X of all events"},
	"max":          {"max(A[, B])", false, "the larger of two numbers; in channel: map max(X) is the greatest X of all events"},
	"abs":          {"abs(X)", false, "X without its sign"},
	"syscall_name": {"syscall_name(NUMBER)", false, "the name of a system call's number on this machine"},
	"if":           {"if(C, A, B)", false, "A when C holds, else B; only one is evaluated"},
	"has":          {"has(MAP[KEY])", false, "whether a map has the entry, or has(MAP[KEY].FIELD) the field of it"},
	"count":        {"count([CONDITION])", false, "aggregate: how many events"},
	"sum":          {"sum(X[, CONDITION])", false, "aggregate: the sum of X, 64 bits wide"},
	"avg":          {"avg(X[, CONDITION])", false, "aggregate: the mean of X"},
	"hist":         {"hist(X[, CONDITION])", false, "aggregate: a histogram of X by powers of two"},
	"lhist":        {"lhist(X, LOW, HIGH, STEP[, CONDITION])", false, "aggregate: a histogram of X by equal steps"},
	"quantiles":    {"quantiles(X, Q, … [, CONDITION])", false, "aggregate: the X that a share Q of the events do not exceed, off by at most 1/32 of it; a column for each Q"},
	"kstack":       {"kstack(FRAMES)", true, "the kernel's stack, at most so many functions of it"},
	"ustack":       {"ustack(FRAMES)", true, "the stack of the running process, at most so many functions of it"},
	"usym":         {"usym(ADDRESS)", true, "an address of the running process as symbol+offset"},
	"exists":       {"exists(X)", false, "whether the running kernel has the member X"},
}
