/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Programs that the verifier rejects for what they call and how they flow. Every program
 * is of rejected.yaml, its wrong statement on the line that ends in 7.
 */
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64[4]);
} slots SEC(".maps");

#define never_inline static __attribute__((noinline))

#line 501 "rejected.yaml"
SEC("raw_tp/sys_enter") int other_map(void *ctx)
{
	u64 value = 1;


#line 507 "rejected.yaml"
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &value, sizeof(value));
}

#line 511 "rejected.yaml"
SEC("raw_tp/sys_enter") int unknown_size(u64 *ctx)
{


#line 517 "rejected.yaml"
	u64 *record = bpf_ringbuf_reserve(&events, ctx[1] & 63, 0);
	if (record)
		bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 521 "rejected.yaml"
SEC("raw_tp/sys_enter") int number_as_key(u64 *ctx)
{


#line 527 "rejected.yaml"
	return !bpf_map_lookup_elem(&slots, (void *)ctx[1]);
}

#line 531 "rejected.yaml"
SEC("raw_tp/sys_enter") int number_as_map(u64 *ctx)
{
	u32 key = 0;


#line 537 "rejected.yaml"
	return !bpf_map_lookup_elem((void *)ctx[1], &key);
}

#line 541 "rejected.yaml"
SEC("raw_tp/sys_enter") int unset_argument(void *ctx)
{
	u64 value = 0;

	(void)ctx;
#line 547 "rejected.yaml"
	asm volatile("r1 = r10; r1 += -8; r2 = 8; r3 = r9; call 113" : : "r"(value) : "r0", "r1", "r2", "r3", "r4", "r5", "memory");
	return value;
}

#line 551 "rejected.yaml"
SEC("raw_tp/sys_enter") int no_result(void *ctx)
{

	(void)ctx;

#line 557 "rejected.yaml"
	asm volatile("exit");
	__builtin_unreachable();
}

#line 571 "rejected.yaml"
never_inline int wide(u64 n)
{
	volatile u64 local[40];

	local[n & 31] = n;
#line 577 "rejected.yaml"
	return local[3];
}

SEC("raw_tp/sys_enter") int two_deep_stacks(u64 *ctx)
{
	volatile u64 local[40];

	local[ctx[1] & 31] = 1;
#line 587 "rejected.yaml"
	return wide(ctx[1]) + local[3];
}

#line 591 "rejected.yaml"
never_inline int again(u64 n)
{
	volatile u64 m = n;

	if (m > 3) return 0;
#line 597 "rejected.yaml"
	return again(m + 1) + 1;
}

SEC("raw_tp/sys_enter") int recursive(u64 *ctx)
{
#line 607 "rejected.yaml"
	return again(ctx[1]);
}

#line 621 "rejected.yaml"
SEC("raw_tp/sys_enter") int after_end(void *ctx)
{

	(void)ctx;

#line 627 "rejected.yaml"
	asm volatile("r0 = 0; exit; r0 = 1");
	return 0;
}

#line 631 "rejected.yaml"
SEC("raw_tp/sys_enter") int read_map(void *ctx)
{

	(void)ctx;

#line 637 "rejected.yaml"
	*(volatile u64 *)&slots = 1;
	return 0;
}

#line 700 "rejected_calls.c"
char _license[] SEC("license") = "Dual BSD/GPL";
