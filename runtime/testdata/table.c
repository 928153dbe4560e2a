/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Counts the getppid calls of one process by key, in the shape of the generated C: a
 * table in two maps, state that is full soon, and counters for each CPU.
 */
#include "bpf.h"

struct value {
	u64 events;	/* 0 */
	u64 numbers;	/* 8: sum of the calls' numbers */
};

/* The counters of the plan's maps, in its order. */
struct tallies {
	u64 totals_refused;
	u64 recent_refused;
	u64 recent_inserted;
	u64 recent_deleted;
	u64 small_refused;
	u64 open_refused;
	u64 open_unmatched;
	u64 open_cancelled;
	u64 open_restarted;
};

#define EEXIST 17

struct task_struct {
	int pid;
	int tgid;
} CORE;

struct bpf_iter__task {
	void *meta;
	struct task_struct *task;
} CORE;

const volatile u32 pid;
const volatile u32 keys = 1;

/* The system call's number: 110 on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
const volatile u64 getppid_number = 110;

u64 calls;
volatile u32 active;

#define TOTALS(name) struct { \
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH); \
	__uint(max_entries, 8192); \
	__type(key, u64); \
	__type(value, struct value); \
} name SEC(".maps")

TOTALS(totals);
TOTALS(totals_idle);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, u64);
	__type(value, u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u64);
} open SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tallies);
} tallies SEC(".maps");

inline_always void add(u64 *to, u64 n)
{
	__sync_fetch_and_add(to, n);
}

inline_always int count(void *map, u64 key, u64 number)
{
	struct value *v = bpf_map_lookup_elem(map, &key), zero = {};

	if (!v) {
		bpf_map_update_elem(map, &key, &zero, BPF_NOEXIST);
		v = bpf_map_lookup_elem(map, &key);
	}
	if (!v)
		return -1;
	add(&v->events, 1);
	add(&v->numbers, number);
	return 0;
}

SEC("raw_tp/sys_enter") int table(u64 *ctx)
{
	struct tallies *t;
	u64 number, key;
	u32 zero = 0;
	long error;

	if (ctx[1] != getppid_number || bpf_get_current_pid_tgid() >> 32 != pid)
		return 0;
	t = bpf_map_lookup_elem(&tallies, &zero);
	if (!t)
		return 0;
	number = calls++;	/* one thread calls */
	key = number % keys;
	if (active ? count(&totals_idle, key, number) : count(&totals, key, number))
		add(&t->totals_refused, 1);
	if (bpf_map_lookup_elem(&recent, &key)) {
		bpf_map_update_elem(&recent, &key, &number, BPF_ANY);
	} else if (bpf_map_update_elem(&recent, &key, &number, BPF_NOEXIST)) {
		add(&t->recent_refused, 1);
	} else {
		add(&t->recent_inserted, 1);
	}
	if (key % 3 == 0 && !bpf_map_delete_elem(&recent, &key))
		add(&t->recent_deleted, 1);
	if (bpf_map_update_elem(&small, &key, &number, BPF_ANY))
		add(&t->small_refused, 1);
	/* Calls with an even key begin what has no end, the others end what has no begin. */
	if (key % 2 == 0) {
		error = bpf_map_update_elem(&open, &key, &number, BPF_NOEXIST);
		if (error == -EEXIST)
			add(&t->open_restarted, 1);
		else if (error)
			add(&t->open_refused, 1);
	} else if (bpf_map_delete_elem(&open, &key)) {
		add(&t->open_unmatched, 1);
	}
	return 0;
}

/* Counts the process in the table, as one row. */
SEC("iter/task") int table_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct tallies *t;
	u32 zero = 0;

	if (!task || task->pid != task->tgid || (u32)task->tgid != pid)
		return 0;
	t = bpf_map_lookup_elem(&tallies, &zero);
	if (t && (active ? count(&totals_idle, 0, 1) : count(&totals, 0, 1)))
		add(&t->totals_refused, 1);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
