/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* An iterator that fills a map before another one makes records of it: the sweep of
 * owners, and a tracer that consists of an iterator.
 */
#include "bpf.h"

struct task_struct {
	int pid;
	int tgid;
} CORE;

struct bpf_iter__task {
	void *meta;
	struct task_struct *task;
} CORE;

struct event {
	u32 tgid;	/* 0 */
	u32 swept;	/* 4: whether the sweep saw the process */
};

u64 lost;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u8);
} owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("iter/task") int sweep(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 tgid;
	u8 one = 1;

	if (!task || task->pid != task->tgid)
		return 0;
	tgid = task->tgid;
	bpf_map_update_elem(&owners, &tgid, &one, 1 /* BPF_NOEXIST */);
	return 0;
}

SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct event *e;
	u32 tgid;

	if (!task || task->pid != task->tgid)
		return 0;
	tgid = task->tgid;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	e->tgid = tgid;
	e->swept = bpf_map_lookup_elem(&owners, &tgid) != 0;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
