/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the tracer of task_rename hands out. */
#ifndef RENAME_H
#define RENAME_H

/* One name, 32 bytes; the twin of the record of ../specs/rename.yaml. */
struct event {
	__u64 time;	/*  0: ns, CLOCK_MONOTONIC */
	__u32 tid;	/*  8 */
	char comm[16];	/* 12: the name until now */
	__u32 pad;	/* 28 */
};

#endif
