/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Programs that the verifier rejects, each for one reason. Every program is of
 * rejected.yaml, its wrong statement on the line that ends in 7.
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

const volatile u32 constant = 1;

struct task_struct {
	int no_such_member;
} CORE;

static u64 (*bpf_no_such_helper)(void) = (void *)9999;
static long (*bpf_xdp_adjust_head)(void *ctx, int delta) = (void *)44;

#line 1 "rejected.yaml"
SEC("raw_tp/sys_enter") int scalar_pointer(u64 *ctx)
{




#line 7 "rejected.yaml"
	return *(u64 *)ctx[0];
}

#line 11 "rejected.yaml"
SEC("raw_tp/sys_enter") int null_lookup(u64 *ctx)
{
	u32 key = ctx[1] & 3;
	u64 *slot = bpf_map_lookup_elem(&slots, &key);

#line 17 "rejected.yaml"
	return *slot;
}

#line 21 "rejected.yaml"
SEC("raw_tp/sys_enter") int unset(void *ctx)
{
	u64 value;

	(void)ctx;
#line 27 "rejected.yaml"
	asm volatile("%0 = r7" : "=r"(value));
	return value;
}

#line 31 "rejected.yaml"
SEC("raw_tp/sys_enter") int unbounded(u64 *ctx)
{
	u32 key = 0;
	u64 *slot = bpf_map_lookup_elem(&slots, &key);

	if (!slot)
		return 0;
#line 37 "rejected.yaml"
	return slot[ctx[1]];
}

#line 41 "rejected.yaml"
SEC("raw_tp/sys_enter") int past_the_end(u64 *ctx)
{
	u32 key = 0;
	u64 *slot = bpf_map_lookup_elem(&slots, &key);

	(void)ctx;
	if (!slot)
		return 0;
#line 47 "rejected.yaml"
	return slot[4];
}

#line 51 "rejected.yaml"
SEC("raw_tp/sys_enter") int endless(u64 *ctx)
{
	u64 n = ctx[1];

#line 57 "rejected.yaml"
	while (n) asm volatile("%0 |= 1" : "+r"(n));
	return 0;
}

#line 61 "rejected.yaml"
SEC("raw_tp/sys_enter") int unreleased(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);

	if (!record)
		return 0;
	if (ctx[1] == 3)
#line 67 "rejected.yaml"
		return 1;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 71 "rejected.yaml"
SEC("raw_tp/sys_enter") int no_argument(u64 *ctx)
{


#line 77 "rejected.yaml"
	return ctx[20];
}

#line 81 "rejected.yaml"
SEC("raw_tp/sys_enter") int no_helper(void *ctx)
{
	(void)ctx;
#line 87 "rejected.yaml"
	return bpf_no_such_helper();
}

#line 91 "rejected.yaml"
SEC("raw_tp/sys_enter") int other_helper(void *ctx)
{
#line 97 "rejected.yaml"
	return bpf_xdp_adjust_head(ctx, 0);
}

#line 101 "rejected.yaml"
SEC("raw_tp/sys_enter") int no_pointer(u64 *ctx)
{
	u64 value = 0;

#line 107 "rejected.yaml"
	bpf_probe_read_kernel((void *)ctx[0], 8, &value);
	return value;
}

#line 111 "rejected.yaml"
SEC("raw_tp/sys_enter") int read_only(u64 *ctx)
{

#line 117 "rejected.yaml"
	*(volatile u32 *)&constant = ctx[1];
	return 0;
}

#line 121 "rejected.yaml"
SEC("raw_tp/sys_enter") int no_member(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	int value = 0;

#line 127 "rejected.yaml"
	bpf_probe_read_kernel(&value, sizeof(value), &task->no_such_member);
	return value;
}

#line 131 "rejected.yaml"
SEC("raw_tp/sys_enter") int deep_stack(u64 *ctx)
{

#line 137 "rejected.yaml"
	asm volatile("*(u64 *)(r10 - 520) = %0" : : "r"(ctx) : "memory");
	return 0;
}

#line 151 "rejected.yaml"
SEC("raw_tp/sys_enter") int pointer_arithmetic(u64 *ctx)
{

#line 157 "rejected.yaml"
	asm volatile("%0 *= 2" : "+r"(ctx));
	return (long)ctx;
}

#line 200 "rejected.c"
char _license[] SEC("license") = "Dual BSD/GPL";
