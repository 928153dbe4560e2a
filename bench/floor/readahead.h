/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the tracers of readahead read of the kernel, and what they hand out. */
#ifndef READAHEAD_H
#define READAHEAD_H

/* One call, 48 bytes; the twin of the record of ../specs/record.yaml. */
struct event {
	__u64 time;	/*  0: ns, CLOCK_MONOTONIC */
	__s64 offset;	/*  8 */
	__u64 count;	/* 16: bytes */
	__u32 pid;	/* 24: tgid */
	__s32 fd;	/* 28 */
	char comm[16];	/* 32 */
};

#define SLOTS 64

/* A histogram by powers of two. */
struct hist {
	__u64 slots[SLOTS];
};

#ifdef __bpf__
/* include/trace/events: the record of sys_enter_*; CO-RE finds the offsets. */
struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
} __attribute__((preserve_access_index));

/* The slot of v: that of 0 and 1 is the first, the next begins at 2, 4, 8. */
static __always_inline __u32 slot_of(__u64 v)
{
	__u32 slot = 0, half;

	for (half = 32; half; half >>= 1) {
		if (v >> half) {
			v >>= half;
			slot += half;
		}
	}
	return slot;
}
#endif

#endif
