package ktype

// kernelFamilies are macros of the kernel that golang.org/x/sys/unix lacks or has with
// another value than the kernel. TASK_RUNNING and its like are not among them: their
// values changed from version to version (include/linux/sched.h).
var kernelFamilies = []family{
	{ // include/linux/errno.h: never seen by user space, but by a probe on a return
		name: "errno",
		values: []EnumValue{
			{"ERESTARTSYS", 512},
			{"ERESTARTNOINTR", 513},
			{"ERESTARTNOHAND", 514},
			{"ENOIOCTLCMD", 515},
			{"ERESTART_RESTARTBLOCK", 516},
			{"EPROBE_DEFER", 517},
			{"EOPENSTALE", 518},
			{"ENOPARAM", 519},
			{"EBADHANDLE", 521},
			{"ENOTSYNC", 522},
			{"EBADCOOKIE", 523},
			{"ENOTSUPP", 524},
			{"ETOOSMALL", 525},
			{"ESERVERFAULT", 526},
			{"EBADTYPE", 527},
			{"EJUKEBOX", 528},
			{"EIOCBQUEUED", 529},
			{"ERECALLCONFLICT", 530},
		},
		masks: []EnumValue{{"MAX_ERRNO", maxErrno}}, // include/linux/err.h
	},
	{ // include/uapi/linux/netfilter.h
		name: "netfilter_verdict",
		values: []EnumValue{
			{"NF_DROP", 0},
			{"NF_ACCEPT", 1},
			{"NF_STOLEN", 2},
			{"NF_QUEUE", 3},
			{"NF_REPEAT", 4},
			{"NF_STOP", 5},
		},
		masks: []EnumValue{{"NF_VERDICT_MASK", 0xff}},
	},
	{ // include/uapi/asm-generic/fcntl.h; arch/arm64/include/uapi/asm/fcntl.h
		name:  "open_flags",
		flags: true,
		own: map[string][]EnumValue{
			amd64: {{"O_LARGEFILE", 0o100000}},
			arm64: {{"O_LARGEFILE", 0o400000}},
		},
	},
	{ // include/net/tcp.h: bits of byte 13 of a TCP header (RFC 9293 3.1, RFC 3168)
		name:  "tcp_flags",
		flags: true,
		values: []EnumValue{
			{"TCPHDR_FIN", 0x01},
			{"TCPHDR_SYN", 0x02},
			{"TCPHDR_RST", 0x04},
			{"TCPHDR_PSH", 0x08},
			{"TCPHDR_ACK", 0x10},
			{"TCPHDR_URG", 0x20},
			{"TCPHDR_ECE", 0x40},
			{"TCPHDR_CWR", 0x80},
		},
	},
}
