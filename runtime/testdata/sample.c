/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Programs that run at intervals, once, and for each task. */
#include "bpf.h"

struct task_struct {
	int pid;
	int tgid;
} CORE;

struct bpf_iter__task {
	void *meta;
	struct task_struct *task;
} CORE;

/* struct bpf_perf_event_data of x86-64, include/uapi/linux/bpf_perf_event.h */
struct sample {
	u64 registers[21];
	u64 period;
	u64 address;
};

struct event {
	u32 tgid;	/*  0 */
	u32 cpu;	/*  4 */
	u64 value;	/*  8: address of a fault, 1 for a tick, 2 for begin, 3 for end */
	u64 pad[62];	/* 16: few records fill a page */
};

struct space {
	u32 tgid;
	u32 exec;
	u64 started;
};

const volatile u32 pid;

u64 lost, spaces_lost;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} spaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, u64);
	__type(value, u64[4]);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} tallies SEC(".maps");

static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static long (*bpf_ringbuf_output)(void *map, void *data, u64 size, u64 flags) = (void *)130;

inline_always int record(u32 tgid, u64 value)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 1;
	__builtin_memset(e, 0, sizeof(*e));
	e->tgid = tgid;
	e->cpu = bpf_get_smp_processor_id();
	e->value = value;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("perf_event") int sampled(struct sample *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (pid && tgid != pid)
		return 0;
	if (record(tgid, ctx->address))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

/* A timer has no address: what is there is left over (perf_sample_data_init, Linux 6.1). */
SEC("perf_event") int ticked(struct sample *ctx __attribute__((unused)))
{
	if (record(bpf_get_current_pid_tgid() >> 32, 1))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

inline_always int once(u64 value)
{
	if (record(bpf_get_current_pid_tgid() >> 32, value))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

SEC("raw_tp/begin") int begun(void *ctx __attribute__((unused)))
{
	return once(2);
}

SEC("raw_tp/end") int ended(void *ctx __attribute__((unused)))
{
	return once(3);
}

/* Asks for the same task again when there is no room. */
SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || task->pid != task->tgid)
		return 0;
	return record(task->tgid, 0);
}

/* Meets 37 spaces, and keeps one stack. */
SEC("raw_tp/spaces") int met(void *ctx __attribute__((unused)))
{
	u64 id = 0x1234, stack[4] = { 1, 2, 3, 4 };
	struct space s;
	int i;

	for (i = 0; i < 37; i++) {
		s.tgid = i;
		s.exec = 100 + i;
		s.started = 1000 + i;
		if (bpf_ringbuf_output(&spaces, &s, sizeof(s), 0))
			__sync_fetch_and_add(&spaces_lost, 1);
	}
	bpf_map_update_elem(&stacks, &id, stack, BPF_ANY);
	return 0;
}

/* More than the ring has room for. */
SEC("raw_tp/crowd") int crowd(void *ctx __attribute__((unused)))
{
	struct space s = {};
	int i;

	for (i = 0; i < 1001; i++) {
		if (bpf_ringbuf_output(&spaces, &s, sizeof(s), BPF_RB_NO_WAKEUP))
			__sync_fetch_and_add(&spaces_lost, 1);
	}
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
