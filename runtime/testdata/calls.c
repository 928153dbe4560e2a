/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Records the getpgid calls of one process, in the shape of the generated C: the same
 * body behind every kind of attachment, a ring buffer, counters, and every kind of param.
 */
#include "bpf.h"

struct event {
	u64 number;	/*  0: how many calls came before this one */
	u32 tgid;	/*  8 */
	u32 network;	/* 12: whether the address lies in one of the networks */
};

struct network_key {
	u32 length;
	u8 address[16];
};

const volatile u32 pid;
const volatile u8 pid_given;
const volatile u8 address[16];
const volatile u8 address_given;
const volatile u8 pids_given;
const volatile u8 networks_given;
const volatile u64 start_ns;

/* The system call's number: 121 on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
const volatile u64 getpgid_number = 121;

u64 produced, lost, failed_reads, limited;
volatile u32 idle;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u8);
} pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network_key);
	__type(value, u8);
} networks SEC(".maps");

inline_always int in_networks(void)
{
	struct network_key key = { .length = 128 };
	int i;

	for (i = 0; i < 16; i++)
		key.address[i] = address[i];
	return bpf_map_lookup_elem(&networks, &key) != 0;
}

inline_always int record(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct event *e;
	u64 number;

	if (!start_ns)
		return 0;
	if (pid_given && tgid != pid)
		return 0;
	if (pids_given && !bpf_map_lookup_elem(&pids, &tgid))
		return 0;
	number = produced++;	/* one thread calls; BPF has no atomic that returns before 5.12 */
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	e->number = number;
	e->tgid = tgid;
	e->network = networks_given && address_given ? in_networks() : 0;
	/* A discarded record lies in the ring and is none. */
	bpf_ringbuf_submit(e, idle ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	e = bpf_ringbuf_reserve(&events, 1, 0);
	if (e)
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("raw_tp/sys_enter") int calls_rawtracepoint(u64 *ctx)
{
	return ctx[1] == getpgid_number ? record() : 0;
}

SEC("raw_tp/nonsuch") int calls_nonsuch(void *ctx)
{
	(void)ctx;
	return record();
}

SEC("tracepoint/syscalls/sys_enter_getpgid") int calls_tracepoint(void *ctx)
{
	(void)ctx;
	return record();
}

SEC("kprobe/__x64_sys_getpgid") int calls_kprobe(void *ctx)
{
	(void)ctx;
	return record();
}

SEC("kretprobe/__x64_sys_getpgid") int calls_kretprobe(void *ctx)
{
	(void)ctx;
	return record();
}

SEC("fentry/__x64_sys_getpgid") int calls_fentry(void *ctx)
{
	(void)ctx;
	return record();
}

SEC("fexit/__x64_sys_getpgid") int calls_fexit(void *ctx)
{
	(void)ctx;
	return record();
}

SEC("fentry/no_such_function") int calls_fentry_nonsuch(void *ctx)
{
	(void)ctx;
	return record();
}

char _license[] SEC("license") = "Dual BSD/GPL";
