package specs_test

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// guest is the kernel for peers whose kprobes and fentry this one lacks: that of the
// Debian that the peers come with.
const guest = "6.1"

// What the packages' histograms and columns look like.
const (
	buckets2 = `^\s*(\d+)\s+-> \d+\s+:\s+(\d+)\s` // libbpf-tools: 4 -> 7 : 12
	address  = `([\d.]+|[0-9a-f:]+)`
	slowFile = `^\S+\s+(\S+)\s+(\d+)\s+([RWOF])\s+(\S+)\s+\S+\s+[\d.]+\s+(\S+)$` // fsslower: 11:15:22 cat 1 R 4096 0 0.04 file
)

// forms make one text of what a spec and its peer write differently.
var forms = map[string]func(string) string{
	// A spec shows what a call returned; peers also the errno, or its name.
	"errno": func(s string) string {
		s = strings.TrimPrefix(s, "-")
		for n := unix.Errno(1); n < 134; n++ {
			if unix.ErrnoName(n) == s {
				return strconv.Itoa(int(n))
			}
		}
		return s
	},
	// What open(2) returned, and the peer's descriptor and errno.
	"opened": func(s string) string {
		if errno, failed := strings.CutPrefix(s, "-"); failed && !strings.Contains(s, " ") {
			return "-1 " + errno
		}
		return strings.Join(append(strings.Fields(s), "0")[:2], " ")
	},
	"signal": func(s string) string {
		if n := unix.SignalNum(s); n != 0 {
			return strconv.Itoa(int(n))
		}
		return strconv.Itoa(int(amount(s)))
	},
	"lower": strings.ToLower,
	"operation": func(s string) string {
		if letter, ok := map[string]string{"read": "R", "write": "W", "open": "O", "sync": "F"}[s]; ok {
			return letter
		}
		return s
	},
	"event": func(s string) string {
		if letter, ok := map[string]string{"connect": "C", "accept": "A", "close": "X"}[s]; ok {
			return letter
		}
		return s
	},
	"hex":    func(s string) string { return strings.TrimPrefix(s, "0x") },
	"base":   func(s string) string { return s[strings.LastIndexByte(s, ':')+1:] },
	"any":    func(s string) string { return strings.ReplaceAll(s, "::1", "::") },
	"number": func(s string) string { return strconv.Itoa(int(amount(s))) },
	"state":  func(s string) string { return strings.ReplaceAll(strings.TrimPrefix(s, "TCP_"), "_", "") },
}

// peers is the table of docs/fidelity.md: a row for each spec that has a peer.
var peers = []peer{
	// sched, cpu
	{
		spec: "runqlat", command: "runqlat -p PID", from: "libbpf-tools", params: "pids=PID", work: "turns",
		line: buckets2, hist: "latency", unit: 1024, overlap: 0.9,
	},
	{
		spec: "runqslower", command: "runqslower -p PID 1000", from: "libbpf-tools", params: "pids=PID over=1ms", work: "turns",
		line: `^\S+\s+(\S+)\s+(\d+)\s+(\d+)$`, columns: "comm tid", sums: []added{{column: "waited", unit: 1000, what: "µs waited", within: 0.02}}, within: 0.02,
		differs: "a wait of about 1 ms is longer for the one and not for the other, whose program runs after it at the same switch. Both are right.",
	},
	{
		spec: "cpudist", command: "cpudist -p PID", from: "libbpf-tools", params: "pids=PID", work: "run dd if=/dev/zero of=/dev/null bs=64k count=200003 status=none",
		line: buckets2, hist: "ran", unit: 1024, overlap: 0.8, within: 0.2,
		differs: "the peer leaves out each time that ended with a sleep, since it asks for a previous thread in TASK_RUNNING. This workload seldom sleeps; of threads that sleep 500 times each the peer had 5195 times and ebgen 17596. TestOffCPU holds ebgen's to getrusage(2): ebgen is right.",
	},
	{
		spec: "offcputime", command: "offcputime -p PID", from: "libbpf-tools", params: "pids=PID", work: "turns",
		line: `^\s+-\s+\S.* \(\d+\)\n\s+(\d+)$`, table: true, sums: []added{{column: "total", unit: 1000, what: "µs off the CPU", within: 0.02}},
		differs: "some 10 µs a switch less than the peer, which notes the time, then walks two stacks; our program, attached after it, begins when that is done.",
	},
	{
		spec: "offcpu", command: "offcputime -p PID", from: "libbpf-tools", params: "pids=PID", work: "turns",
		line: `^\s+-\s+(\S.*) \(\d+\)\n\s+(\d+)$`, columns: "comm", only: "COMM", table: true, sums: []added{{column: "total", unit: 1000, what: "µs off the CPU", within: 0.02}},
	},
	{
		spec: "wakeuptime", from: "bpftrace", params: "pids=PID", work: "turns",
		command: `bpftrace -e 'tracepoint:sched:sched_switch /pid == PID/ { @s[tid] = nsecs } tracepoint:sched:sched_waking /@s[args->pid]/ { @us[comm] = sum((nsecs - @s[args->pid]) / 1000); delete(@s[args->pid]) } END { clear(@s) }'`,
		line:    `^@us\[(.*)\]: (\d+)$`, columns: "waker", only: "COMM|specs.test", table: true, sums: []added{{column: "total", unit: 1000, what: "µs blocked", within: 0.05}},
		differs: "some µs a wakeup: one begins to wait when the other's program is done.",
	},
	{
		spec: "wakeuptime@total", command: "wakeuptime -p PID", from: "libbpf-tools", params: "pids=PID", work: "naps",
		line: `waker: .*\n\s+(-?\d+)$`, table: true, sums: []added{{column: "total", unit: 1000, what: "µs blocked", within: 0.05}},
		differs: "the total of all wakers, since the peer has others: it listens to sched_wakeup, which fires on the CPU of the woken thread, where swapper runs if it was idle. Of two threads that take turns on two CPUs it said 4.56 of 4.63 s for swapper, as a bpftrace program at sched_wakeup does, and ebgen none, as one at sched_waking: who wakes is who runs at sched_waking, so ebgen is right. The peer prints sums as 32-bit numbers: 2.34 s there were -1957890.",
	},
	{
		spec: "syscount", command: "syscount -T 400 -p PID", from: "libbpf-tools", params: "pids=PID",
		work: "run dd if=/dev/zero of=/dev/null bs=1 count=100003 status=none",
		line: `^(\S+)\s+(\d+)$`, columns: "syscall", only: "read|write|openat|newfstatat|close|mmap|futex", table: true, sums: []added{{column: "calls", what: "calls"}},
	},
	{
		spec: "syslatency", command: "syscount -L -T 400 -p PID", from: "libbpf-tools", params: "pids=PID",
		work: "run dd if=/dev/zero of=/dev/null bs=1 count=100003 status=none",
		line: `^(read)\s+(\d+)\s+([\d.]+)$`, columns: "syscall", only: "read", table: true,
		sums:    []added{{column: "calls", what: "calls of read"}, {column: "total", unit: 1000, what: "µs in read", within: 0.2}},
		differs: "between start and end each of both counts the other's program, 0.1 µs a call.",
	},
	{
		spec: "profile", command: "profile-bpfcc -p PID -F 99 -f", from: "bpfcc-tools", params: "pid=PID", work: "turns",
		line: `^.* (\d+)$`, table: true, sums: []added{{column: "samples", what: "samples", within: 0.1}},
		differs: "two clocks that take samples, not the same ones: neither count is exact. TestProfile holds ebgen's to the CPU time.",
	},
	{
		spec: "runqlen", command: "runqlen", from: "libbpf-tools", kernel: guest, work: "crowd",
		line: `^\s+(\d+)\s+:\s+(\d+)\s`, hist: "waiting", unit: 1, least: 4, overlap: 0.98, within: 0.02,
		differs: "of 7 threads on one CPU, the samples in which 4 or more wait: those of fewer depend on how long a tool runs, and the peer sees ebgen being attached. This comparison found that ebgen took 1 from the 0 threads of an idle CPU.",
	},
	{
		spec: "softirqs", command: "softirqs", from: "libbpf-tools", kernel: guest, work: "sends",
		line: `^(net_rx)\s+(\d+)$`, columns: "lower:softirq", only: "net_rx", table: true, sums: []added{{column: "total", unit: 1000, what: "µs in net_rx", within: 0.4}},
		differs: "between start and end each counts the program of the other, which is long on an emulated CPU.",
	},
	{
		spec: "hardirqs", command: "hardirqs -C", from: "libbpf-tools", work: "direct",
		line: `^\S+\s+(\d+)$`, table: true, sums: []added{{column: "times", what: "times", within: 0.2}},
		differs: "of the whole machine, which the peer sees for longer: it is attached before ebgen.",
	},
	// block
	{
		spec: "biolatency", command: "biolatency -d DISK", from: "libbpf-tools", params: "disk=DISK", work: "blocks DISK",
		line: buckets2, hist: "latency", unit: 1024, overlap: 0.9,
	},
	{
		spec: "biopattern", command: "biopattern -d DISK 1", from: "libbpf-tools", params: "disk=DISK", work: "blocks DISK",
		line: `^(loop\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$`, columns: "disk", table: true, sums: []added{
			{column: "ios", what: "requests", group: 4, within: 0.001}, {column: "bytes", unit: 1024, what: "KiB", group: 5, within: 0.001},
			{column: "random", what: "random", group: 2, share: true, within: 0.02}, {column: "sequential", what: "sequential", group: 3, share: true, within: 0.02},
		},
		differs: "the peer leaves out the first request to a disk, and shows whole percents. The workload made all of those that ebgen counts.",
	},
	{
		spec: "biosnoop", from: "bpftrace", params: "disk=DISK", work: "blocks DISK",
		command: `bpftrace -e 'tracepoint:block:block_rq_complete /args->dev == DEVICE/ { printf("done %llu %d\n", args->sector, args->nr_sector * 512) }'`,
		line:    `^done (\d+) (\d+)$`, columns: "sector bytes",
		differs: "libbpf-tools' biosnoop and biosnoop.bt look for blk_account_io_start, which this kernel has no kprobes for and 6.1 has inlined. The program lists what the disk completed; who made a request is held by TestBlockRequests.",
	},
	{
		spec: "bitesize", command: "bitesize -c COMM -d DISK", from: "libbpf-tools", params: "comm=COMM disk=DISK", work: "blocks DISK",
		line: buckets2, hist: "bytes", unit: 1024, overlap: 1,
	},
	// fs
	{
		spec: "opensnoop", command: "opensnoop", from: "libbpf-tools", work: "opens",
		line: `^(\d+)\s+(\S+)\s+(-?\d+\s+\d+)\s+(\S+)$`, columns: "pid comm opened:result file", only: "COMM",
	},
	{
		spec: "statsnoop", command: "bpftrace /usr/sbin/statsnoop.bt", from: "bpftrace", work: "stats",
		line: `^(\d+)\s+(\S+)\s+(\d+) (\S+)$`, columns: "pid comm errno:result path", only: "COMM",
		differs: "libbpf-tools' statsnoop 0.26 attaches nothing: it looks for events/syscalls/statfs, and the tracepoint is sys_enter_statfs. statsnoop.bt does not follow newfstatat, by which today's C library asks; ebgen does.",
	},
	{
		spec: "mountsnoop", command: "mountsnoop -p PID", from: "libbpf-tools", params: "pids=PID", work: "mounts",
		line:    `^(\S+)\s+(\d+)\s+\d+\s+(\d+)\s+(u?mount)\((?:"none", )?"([^"]*)".* = (\S+)$`,
		columns: "comm pid mnt_ns call target errno:result", only: "COMM",
	},
	{
		spec: "fileslower", from: "bpftrace", kernel: guest, params: "pids=PID over=0s", work: "files 2", only: "COMM",
		command: `bpftrace -e 'kprobe:vfs_read,kprobe:vfs_write /pid == PID/ { @file[tid] = ((struct file *)arg0)->f_path.dentry } kretprobe:vfs_read /@file[tid] != 0/ { printf("read %s %d %s\n", comm, retval, str(@file[tid]->d_name.name)); delete(@file[tid]) } kretprobe:vfs_write /@file[tid] != 0/ { printf("write %s %d %s\n", comm, retval, str(@file[tid]->d_name.name)); delete(@file[tid]) } END { clear(@file) }'`,
		line:    `^(read|write) (\S+) (-?\d+) (file-\S+)$`, columns: "call comm bytes file",
		differs: "BCC's fileslower compiles C against the kernel's headers, minutes in a guest; the program does the same.",
	},
	{
		spec: "slowreads", from: "bpftrace", kernel: guest, params: "pids=PID over=0s", work: "files 1", only: "file-.*",
		command: `bpftrace -e 'kprobe:vfs_read /pid == PID/ { @file[tid] = ((struct file *)arg0)->f_path.dentry } kretprobe:vfs_read /@file[tid] != 0/ { printf("read %s %d %s\n", comm, retval, str(@file[tid]->d_name.name)); delete(@file[tid]) } END { clear(@file) }'`,
		line:    `^read (\S+) (-?\d+) (file-\S+)$`, columns: "comm bytes file",
		differs: "as fileslower.",
	},
	{
		spec: "filelife", command: "filelife", from: "libbpf-tools", kernel: guest, work: "files 1",
		line: `^\S+\s+(\d+)\s+(\S+)\s+[\d.]+\s+(\S+)$`, columns: "pid comm file", only: "COMM",
	},
	{
		spec: "filetop", command: "filetop -C -p PID 1000", from: "libbpf-tools", kernel: guest, params: "pids=PID", work: "files 1",
		line: `^\d+\s+(\S+)\s+(\d+)\s+(\d+)\s+\d+\s+\d+\s+R\s+(\S+)$`, columns: "comm file", only: "COMM", table: true,
		sums: []added{{column: "reads", what: "reads", group: 2}, {column: "writes", what: "writes", group: 3}},
	},
	{
		spec: "fsslower", command: "fsslower -t ext4 -m 0 -p PID", from: "libbpf-tools", kernel: guest, params: "pids=PID over=0s", work: "filesystem ext4",
		line: slowFile, columns: "comm pid operation:call file", only: "COMM", sums: []added{{column: "bytes", what: "bytes", group: 4}},
	},
	{
		spec: "fsslower_xfs", command: "fsslower -t xfs -m 0 -p PID", from: "libbpf-tools", kernel: guest, params: "pids=PID over=0s", work: "filesystem xfs",
		line: slowFile, columns: "comm pid operation:call file", only: "COMM", sums: []added{{column: "bytes", what: "bytes", group: 4}},
	},
	{
		spec: "fsslower_btrfs", command: "fsslower -t btrfs -m 0 -p PID", from: "libbpf-tools", kernel: guest, params: "pids=PID over=0s", work: "filesystem btrfs",
		line: slowFile, columns: "comm pid operation:call file", only: "COMM", sums: []added{{column: "bytes", what: "bytes", group: 4}},
	},
	{
		spec: "fsdist", command: "fsdist -t ext4 -p PID", from: "libbpf-tools", kernel: guest, params: "pids=PID comm=COMM", work: "filesystem ext4",
		line: buckets2, until: `operation = 'getattr'`, hist: "took", unit: 1024, overlap: 0.6,
		differs: "the peer's fifth histogram, of getattr, is not compared: BCC's ext4dist and ebgen do not have it. Between start and end each of both counts the other's program, which moves times from one bucket to the next on an emulated CPU.",
	},
	{
		spec: "vfsstat", command: "vfsstat", from: "libbpf-tools", kernel: guest, after: true, work: "run dd if=/dev/zero of=/dev/null bs=1 count=20011", report: `^\d\d:\d\d:\d\d`,
		line: `^[\d:]+:\s+(\d+)\s+(\d+)\s`, table: true,
		sums:    []added{{column: "reads", what: "reads", within: 0.02}, {column: "writes", what: "writes", within: 0.02}},
		differs: "of the whole machine, one after the other on the same work: at the same time the peer sees ebgen's start too, which reads about 1050 times.",
	},
	// proc
	{
		spec: "capable", command: "capable", from: "libbpf-tools", kernel: guest, work: "roots",
		line: `^\S+\s+(\d+)\s+(\d+)\s+(\S+)\s+\d+\s+(\S+)\s`, columns: "uid pid comm capability", only: "COMM",
	},
	{
		spec: "execsnoop", command: "execsnoop", from: "libbpf-tools", work: "programs started",
		line: `^(\S+)\s+(\d+)\s+(\d+)\s+(-?\d+)\s+(\S+)`, columns: "comm pid ppid result file", only: "PID",
	},
	{
		spec: "exitsnoop", command: "exitsnoop", from: "libbpf-tools", work: "programs ended",
		line:    `^(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+[\d.]+\s+(?:(?:code )?(\d+)|signal (\d+).*)$`,
		columns: "comm pid ppid tid number:status signal:signal", only: "PID",
	},
	{
		spec: "killsnoop", command: "killsnoop", from: "libbpf-tools", work: "signals",
		line: `^\S+\s+(\d+)\s+(\S+)\s+(\d+)\s+(-?\d+)\s+(-?\d+)`, columns: "pid comm signal:signal target result", only: "COMM",
	},
	// net
	{
		spec: "tcplife", command: "tcplife", from: "libbpf-tools", kernel: guest, work: "connections ends",
		line:    `^\d+\s+\S+\s+` + address + `\s+(\d+)\s+` + address + `\s+(\d+)\s+([\d.]+)\s+([\d.]+)\s+[\d.]+$`,
		columns: "flow.saddr flow.sport flow.daddr flow.dport", theirsOnly: 7,
		sums:    []added{{column: "sent", unit: 1024, what: "KiB sent", within: 0.02}, {column: "received", unit: 1024, what: "KiB received", within: 0.02}},
		differs: "the peer lists the 7 connections too that were refused and carried nothing. ebgen's are those that were established, as its description says.",
	},
	{
		spec: "tcplife@owner", command: "tcplife", from: "libbpf-tools", work: "connections life",
		line:    `^(\d+)\s+(\S+)\s+` + address + `\s+(\d+)\s+` + address + `\s+(\d+)\s+[\d.]+\s+[\d.]+\s+[\d.]+$`,
		columns: "owner.pid owner.comm flow.saddr flow.sport flow.daddr flow.dport", only: "COMM", theirsOnly: -1,
		differs: "the peer names whom the CPU runs when a socket closes, which is the other end's process more often than not: of 23 sockets of one process it says that there are more. The workload made 23: ebgen is right.",
	},
	{
		spec: "tcpstates", command: "tcpstates", from: "libbpf-tools", kernel: guest, work: "connections states",
		line:    `^\S+\s+\d+\s+\S+\s+` + address + `\s+(\d+)\s+` + address + `\s+(\d+)\s+(\S+)\s+->\s+(\S+)\s+[\d.]+$`,
		columns: "saddr sport daddr dport state:old state:new",
	},
	{
		spec: "tcpretrans", command: "bpftrace /usr/sbin/tcpretrans.bt", from: "bpftrace", kernel: guest, work: "retransmits",
		line: `^[\d:]+\s+\d+\s+(\S+):(\d+)\s+(\S+):(\d+)\s+(\S+)$`, columns: "flow.saddr flow.sport flow.daddr flow.dport state:state",
	},
	{
		spec: "tcpconnect", command: "tcpconnect", from: "libbpf-tools", kernel: guest, work: "connections connect",
		line:    `^(\d+)\s+(\S+)\s+\d\s+` + address + `\s+` + address + `\s+(\d+)$`,
		columns: "owner.pid owner.comm saddr daddr dport", only: "COMM",
	},
	{
		spec: "tcpaccept", command: "bpftrace /usr/sbin/tcpaccept.bt", from: "bpftrace", kernel: guest, work: "connections accept",
		line:    `^[\d:]+\s+(\d+)\s+(\S+)\s+` + address + `\s+(\d+)\s+` + address + `\s+(\d+)\s`,
		columns: "pid comm flow.daddr flow.dport flow.saddr flow.sport", only: "COMM",
	},
	{
		spec: "tcpconnlat", command: "tcpconnlat", from: "libbpf-tools", kernel: guest, work: "connections answered",
		line:    `^(\d+)\s+(\S+)\s+\d\s+` + address + `\s+` + address + `\s+(\d+)\s+([\d.]+)$`,
		columns: "owner.pid owner.comm flow.saddr flow.daddr flow.dport", only: "COMM", theirsOnly: 7,
		differs: "the peer lists the 7 refused connections too, which were answered by a RST. ebgen's are from SYN to SYN-ACK, as its description says.",
	},
	{
		spec: "tcptracer", command: "tcptracer", from: "libbpf-tools", kernel: guest, work: "connections traced",
		line:    `^([CAX])\s+(\d+)\s+(\S+)\s+\d\s+` + address + `\s+` + address + `\s+(\d+)\s+(\d+)$`,
		columns: "event:event owner.pid owner.comm flow.saddr flow.daddr flow.sport flow.dport", only: "COMM",
	},
	{
		spec: "tcprtt", command: "tcprtt", from: "libbpf-tools", kernel: guest, work: "sends",
		line: buckets2, hist: "rtt", unit: 1024, overlap: 0.8,
	},
	{
		spec: "tcptop", command: "tcptop -C 1000", from: "libbpf-tools", kernel: guest, work: "sends",
		line: `^(\d+)\s+(\S+)\s+\S+:\d+\s+\S+:\d+\s+(\d+)\s+(\d+)$`, columns: "pid comm", table: true,
		sums:    []added{{column: "received", unit: 1024, what: "KiB received", within: 0.02}, {column: "sent", unit: 1024, what: "KiB sent", within: 0.02}},
		differs: "in one report they agree but for the rounding of each to KiB. In reports of a second the peer had 376 of 498 KiB once: it reads its table, then empties it, and loses what came in between.",
	},
	{
		spec: "tcpsynbl", command: "tcpsynbl", from: "libbpf-tools", kernel: guest, work: "backlog",
		line: buckets2, hist: "waiting", unit: 1, overlap: 1,
	},
	{
		spec: "solisten", command: "solisten", from: "libbpf-tools", kernel: guest, work: "connections accept",
		line: `^(\d+)\s+(\S+)\s+(-?\d+)\s+(\d+)\s+\S+\s+(\d+)\s+(\S+)\s*$`, columns: "pid comm result backlog port any:address", only: "COMM",
		differs: "the peer shows `::` for sockets that are bound to `::1`, which is not compared. The workload binds them to `::1`: ebgen is right.",
	},
	{
		spec: "bindsnoop", command: "bindsnoop", from: "libbpf-tools", kernel: guest, work: "connections accept",
		line: `^(\d+)\s+(\S+)\s+(-?\d+)\s+(\S+)\s+\S+\s+\d+\s+(\d+)\s+(\S+)\s*$`, columns: "pid comm result protocol port address", only: "COMM",
	},
	// app
	{
		spec: "gethostlatency", command: "gethostlatency", from: "libbpf-tools", params: "pids=PID", work: "rounds lookup",
		line: `^\S+\s+(\d+)\s+(\S+)\s+([\d.]+)\s+(\S+)$`, columns: "pid comm host", only: "PID", sums: []added{{column: "took", unit: 1e6, what: "ms", within: 0.5, group: 3}},
		differs: "15 to 20 µs a lookup: between start and end each of both counts the other's trap, some µs.",
	},
	{
		spec: "bashreadline", command: "bashreadline", from: "libbpf-tools", work: "shell",
		line: `^[\d:]+\s+(\d+)\s+(.*)$`, columns: "pid line",
	},
	{
		spec: "threadsnoop", from: "bpftrace", params: "pids=PID", work: "rounds threads",
		command: `bpftrace -e 'uprobe:libc:pthread_create /pid == PID/ { printf("thread %d %s\n", pid, comm) }'`,
		line:    `^thread (\d+) (\S+)$`, columns: "pid comm",
		differs: "threadsnoop.bt and BCC's threadsnoop trace libpthread, which glibc 2.34 made a part of libc: they show nothing here.",
	},
	{
		spec: "sslsniff", command: "bpftrace /usr/sbin/sslsnoop.bt", from: "bpftrace", params: "comm=tls", work: "rounds tls",
		line: `^\d+\s+(\d+)\s+(\S+)\s+\d+\s+(\d{3,}) `, columns: "pid comm bytes", only: "PID", oursOnly: 2 + 2*18,
		differs: "the peer follows neither SSL_read_ex nor SSL_write_ex, by which the workload moves 18 of 37 messages; the 2 handshakes carry no bytes and are not compared. ebgen has all that the workload made. BCC's sslsniff 0.26 does not compile with the headers of Debian's 6.1.",
	},
	// mem, any
	{
		spec: "memleak", command: "memleak-bpfcc -p PID -o 0 1", from: "bpfcc-tools", after: true, params: "pids=PID", work: "rounds leak", report: `Top \d+ stacks`, last: true,
		line: `^\s+(\d+) bytes in (\d+) allocations from stack`, table: true,
		sums:    []added{{column: "bytes_left", what: "bytes not given back"}, {column: "left", what: "blocks not given back"}},
		differs: "one after the other, on the same work: BCC 0.26's Python gives 6 of 7 arguments to bpf_attach_uprobe, so that the kernel reads a reference counter's place that nobody meant, and refuses every other tracer at this function (`ref_ctr_offset mismatch` in dmesg). So are funccount, stackcount, funcslower and argdist.",
	},
	{
		spec: "slabratetop", command: "slabratetop -C -p PID 1000", from: "libbpf-tools", kernel: guest, params: "pid=PID", work: "pairs",
		line: `^(filp)\s+(\d+)\s+(\d+)$`, columns: "cache", only: "filp", table: true, sums: []added{{column: "allocs", what: "objects"}, {column: "bytes", what: "bytes"}},
		differs: "in one report they agree. In reports of a second the peer had 1636 of 2018 objects: it reads its table, then empties it, and loses what came in between. It follows kmem_cache_alloc alone, not kmem_cache_alloc_lru, which has inodes and dentries since Linux 5.18.",
	},
	{
		spec: "oomkill", command: "oomkill", from: "libbpf-tools", kernel: guest, work: "kills",
		line:    `^\S+ Triggered by PID (\d+) \("(.*)"\), OOM kill of PID (\d+) \("(.*)"\), (\d+) pages`,
		columns: "pid comm victim victim_comm pages", only: "COMM",
	},
	{
		spec: "drsnoop", command: "drsnoop", from: "libbpf-tools", kernel: guest, work: "squeeze",
		line: `^\S+\s+(\S+)\s+(\d+)\s+[\d.]+\s+(\d+)$`, columns: "comm tid pages", only: "COMM",
	},
	{
		spec: "mallocstacks", from: "bpftrace", params: "pid=PID", work: "rounds leak",
		command: `bpftrace -e 'uprobe:libc:malloc /pid == PID/ { @n++; @b += arg0 } uprobe:libc:calloc /pid == PID/ { @n++; @b += arg0 * arg1 } uprobe:libc:realloc /pid == PID/ { @n++; @b += arg1 } END { printf("asked %d %d\n", @n, @b) }'`,
		line:    `^asked (\d+) (\d+)$`, table: true, sums: []added{{column: "calls", what: "calls"}, {column: "bytes", what: "bytes asked for"}},
	},
	{
		spec: "funccount_book", command: `funccount-bpfcc PROGRAMS/ledger:book_*`, from: "bpfcc-tools", after: true, work: "rounds ledger",
		line: `^(book_\S+)\s+(\d+)$`, columns: "function", table: true, sums: []added{{column: "calls", what: "calls"}},
	},
	{
		spec: "stackcount_entry", command: `stackcount-bpfcc PROGRAMS/ledger:book_entry`, from: "bpfcc-tools", after: true, work: "rounds ledger",
		line: `^\s+(\d+)$`, table: true, sums: []added{{column: "times", what: "calls"}},
	},
	{
		spec: "funclatency_wait", command: "funclatency PROGRAMS/calls:call_wait", from: "libbpf-tools", work: "rounds calls",
		line: `^\s*(\d+)\s+-> \d+\s+:\s+(\d+)\s`, hist: "took", unit: 1, overlap: 0.8,
	},
	{
		spec: "funcslower_wait", command: "funcslower-bpfcc -u 1 -a 3 PROGRAMS/calls:call_wait", from: "bpfcc-tools", after: true, params: "over=1us", work: "rounds calls",
		line: `^(\S+)\s+\d+\s+[\d.]+\s+(\S+)\s+(\S+)\s+(0x\S+)`, columns: "comm hex:result base:function arg0", only: "calls",
	},
	{
		spec: "argdist_entry", command: "argdist-bpfcc -c -H 'p:PROGRAMS/ledger:book_entry(u64 size):u64:size'", from: "bpfcc-tools", after: true, params: "arg=0", work: "rounds ledger", report: `^\[\d\d:\d\d:\d\d\]`, last: true,
		line: buckets2, hist: "values", unit: 1, overlap: 1,
	},
}

// alone are the specs that have no peer here, and why.
var alone = map[string]string{
	"cachestat":              "libbpf-tools' cachestat does not load on 6.1 and later, which have no account_page_dirtied, and here there is no fentry; TestCachestat holds it to the pages that were read",
	"readahead":              "libbpf-tools' readahead wants do_page_cache_ra, which 6.1 has inlined; TestReadahead holds it to the pages that were read ahead and used",
	"dbslower":               "BCC's dbslower looks for servers when it starts, and the workload's is not there yet. TestDbslower and TestMySQL hold it to the queries that were sent",
	"mysqld_qslower":         "BCC's mysqld_qslower needs the USDT probes that neither MySQL nor MariaDB has any longer; TestMySQL holds it to the queries that were sent",
	"llcstat":                "needs counters of the CPU, which this virtual machine and the guest lack; TestLlcstat counts page faults in their place",
	"closewait-before-reset": "no tool asks this; TestCloseWaitBeforeReset holds it to what the workload made",
	"retransmits-by-comm":    "tcpretrans counted by process, which no tool does; the same tracepoint as tcpretrans",
	"sockets":                "lists what there is; no tool of the packages does. TestSockets holds it to /proc/net",
	"openfiles":              "lists what there is; no tool of the packages does. TestOpenfiles holds it to /proc",
	"ps":                     "lists what there is; no tool of the packages does. TestPs holds it to /proc",
	"pygc":                   "BCC's ugc reads the same two probes of Python with the kernel's headers; TestPython holds it to what Python itself says",
	"pgslower":               "BCC's dbslower times a query from query__start to query__done, another stretch than from the message's arrival to the answer's last part. TestPgslower holds it to the server's own log",
	"tcpdrop":                "tcpdrop.bt does not compile here, nor in the guest, without the kernel's headers; BCC's tcpdrop reads packets by the headers that it is compiled with, which are to be this kernel's. TestTCPDrop holds it to what the workload dropped",
}
