/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Programs that the verifier rejects for the memory they touch. Every program is of
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

static long (*bpf_get_current_comm)(void *to, u32 size) = (void *)16;
static void *(*bpf_get_current_task_btf)(void) = (void *)158;
static void *(*bpf_this_cpu_ptr)(const void *percpu) = (void *)154;

/* An entry that is there. */
#define entry(name)	\
	u32 key = 0;	\
	u64 *name = bpf_map_lookup_elem(&slots, &key);	\
	if (!name)	\
		return 0

#line 201 "rejected.yaml"
SEC("raw_tp/sys_enter") int null_record(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);


#line 207 "rejected.yaml"
	*record = ctx[1];
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 211 "rejected.yaml"
SEC("raw_tp/sys_enter") int past_the_record(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);
	if (!record)
		return 0;
#line 217 "rejected.yaml"
	*(volatile u64 *)(record + 2) = ctx[1];
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 221 "rejected.yaml"
SEC("raw_tp/sys_enter") int unbounded_in_record(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);
	if (!record)
		return 0;
#line 227 "rejected.yaml"
	*(volatile u64 *)(record + ctx[1]) = 1;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 231 "rejected.yaml"
SEC("raw_tp/sys_enter") int after_submit(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);
	if (!record)
		return 0;
	bpf_ringbuf_submit(record, 0);
#line 237 "rejected.yaml"
	*(volatile u64 *)record = ctx[1];
	return 0;
}

#line 241 "rejected.yaml"
SEC("raw_tp/sys_enter") int submitted_twice(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);
	if (!record || !ctx)
		return 0;
	bpf_ringbuf_submit(record, 0);
#line 247 "rejected.yaml"
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 251 "rejected.yaml"
SEC("raw_tp/sys_enter") int null_to_helper(u64 *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&events, 8, 0);

	(void)ctx;
#line 257 "rejected.yaml"
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#line 261 "rejected.yaml"
SEC("raw_tp/sys_enter") int unbounded_size(u64 *ctx)
{
	entry(slot);


#line 267 "rejected.yaml"
	return bpf_probe_read_kernel(slot, ctx[1], (void *)ctx[0]);
}

#line 271 "rejected.yaml"
SEC("raw_tp/sys_enter") int negative_size(u64 *ctx)
{
	entry(slot);


#line 277 "rejected.yaml"
	return bpf_probe_read_kernel(slot, -8, (void *)ctx[0]);
}

#line 281 "rejected.yaml"
SEC("raw_tp/sys_enter") int zero_size(void *ctx)
{
	char comm[16] = "";

	(void)ctx;
#line 287 "rejected.yaml"
	return bpf_get_current_comm(comm, 0);
}

#line 291 "rejected.yaml"
SEC("raw_tp/sys_enter") int more_than_entry(u64 *ctx)
{
	entry(slot);


#line 297 "rejected.yaml"
	return bpf_probe_read_kernel(slot, 64, (void *)ctx[0]);
}

#line 301 "rejected.yaml"
SEC("raw_tp/sys_enter") int more_than_local(u64 *ctx)
{
	u64 value = 0;


#line 307 "rejected.yaml"
	bpf_probe_read_kernel(&value, 16, (void *)ctx[0]);
	return value;
}

#line 311 "rejected.yaml"
SEC("raw_tp/sys_enter") int unbounded_local(u64 *ctx)
{
	volatile u64 local[4] = {1, 2, 3, 4};


#line 317 "rejected.yaml"
	return local[ctx[1]];
}

#line 321 "rejected.yaml"
SEC("raw_tp/sys_enter") int short_key(void *ctx)
{
	volatile unsigned char key = 1;

	(void)ctx;
#line 327 "rejected.yaml"
	return !bpf_map_lookup_elem(&slots, (void *)&key);
}

#line 331 "rejected.yaml"
SEC("raw_tp/sys_enter") int unset_key(void *ctx)
{
	u32 key;

	asm volatile("" : "=m"(key) : "r"(ctx));
#line 337 "rejected.yaml"
	return !bpf_map_lookup_elem(&slots, &key);
}

#line 341 "rejected.yaml"
SEC("raw_tp/sys_enter") int pointer_plus_unbounded(u64 *ctx)
{
	entry(slot);


#line 347 "rejected.yaml"
	return *(volatile u64 *)((char *)slot + (long)ctx[1]);
}

#line 351 "rejected.yaml"
SEC("raw_tp/sys_enter") int negative_index(u64 *ctx)
{
	entry(slot);
	int i = (int)ctx[1];

	if (i > 3) return 0;
#line 357 "rejected.yaml"
	return ((volatile u64 *)slot)[i];
}

#line 361 "rejected.yaml"
SEC("raw_tp/sys_enter") int write_argument(u64 *ctx)
{


#line 367 "rejected.yaml"
	*(volatile u64 *)ctx = 1;
	return 0;
}

#line 371 "rejected.yaml"
SEC("raw_tp/sys_enter") int variable_argument(u64 *ctx)
{


#line 377 "rejected.yaml"
	return ctx[ctx[1] & 1];
}

#line 381 "rejected.yaml"
SEC("raw_tp/sys_enter") int write_task(void *ctx)
{
	u64 *task = bpf_get_current_task_btf();

	(void)ctx;
#line 387 "rejected.yaml"
	*(volatile u64 *)task = 1;
	return 0;
}

#line 391 "rejected.yaml"
SEC("raw_tp/sys_enter") int misaligned_atomic(u64 *ctx)
{
	entry(slot);


#line 397 "rejected.yaml"
	__sync_fetch_and_add((u64 *)((char *)slot + 4), ctx[1]);
	return 0;
}

#line 401 "rejected.yaml"
SEC("raw_tp/sys_enter") int atomic_on_argument(u64 *ctx)
{


#line 407 "rejected.yaml"
	__sync_fetch_and_add(ctx, 1);
	return 0;
}

#line 411 "rejected.yaml"
SEC("raw_tp/sys_enter") int two_pointers(u64 *ctx)
{
	entry(slot);


#line 417 "rejected.yaml"
	asm volatile("%0 += %1" : "+r"(slot) : "r"(ctx));
	return slot == 0;
}

#line 421 "rejected.yaml"
SEC("raw_tp/sys_enter") int narrow_pointer(u64 *ctx)
{


#line 427 "rejected.yaml"
	asm volatile("w1 = w1; %0 = *(u64 *)(r1 + 0)" : "=r"(ctx) : : "r1");
	return ctx == 0;
}

#line 431 "rejected.yaml"
SEC("raw_tp/sys_enter") int number_to_percpu(u64 *ctx)
{


#line 437 "rejected.yaml"
	return *(u32 *)bpf_this_cpu_ptr((void *)ctx[0]);
}

#line 500 "rejected_memory.c"
char _license[] SEC("license") = "Dual BSD/GPL";
