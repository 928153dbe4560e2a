/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Records what probes of user space pass. */
#include "bpf.h"

/* struct pt_regs of x86-64, arch/x86/include/asm/ptrace.h */
struct registers {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
};

struct event {
	u64 tgid;	/*   0 */
	u64 values[12];	/*   8: arguments, or the returned value */
	char name[64];	/* 104: of the function that was hit */
};

u64 lost, failed_reads;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, char[64]);
} functions SEC(".maps");

inline_always struct event *reserve(void)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->tgid = bpf_get_current_pid_tgid() >> 32;
	return e;
}

SEC("uprobe/entry") int user_entry(struct registers *ctx)
{
	struct event *e = reserve();

	if (!e)
		return 0;
	e->values[0] = ctx->di;
	e->values[1] = ctx->si;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("uretprobe/return") int user_return(struct registers *ctx)
{
	struct event *e = reserve();

	if (!e)
		return 0;
	e->values[0] = ctx->ax;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

static __attribute__((noinline, used)) u32 function_hit(struct registers *ctx)
{
	u32 number = 0;

	__asm__ volatile("" : "+r"(number) : "r"(ctx));
	return number;
}

SEC("uprobe/pattern") int user_pattern(struct registers *ctx)
{
	u32 number = function_hit(ctx);
	const char *name = bpf_map_lookup_elem(&functions, &number);
	struct event *e = reserve();

	if (!e)
		return 0;
	if (name)
		__builtin_memcpy(e->name, name, sizeof(e->name));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#define ARGUMENT(n)								\
static __attribute__((noinline, used)) long usdt_argument_##n(struct registers *ctx, u64 *value) \
{										\
	long error = -95;	/* until the runtime writes another one */	\
										\
	__asm__ volatile("" : "+r"(error) : "r"(ctx), "r"(value) : "memory");	\
	return error;								\
}

ARGUMENT(0) ARGUMENT(1) ARGUMENT(2) ARGUMENT(3) ARGUMENT(4) ARGUMENT(5)
ARGUMENT(6) ARGUMENT(7) ARGUMENT(8) ARGUMENT(9) ARGUMENT(10) ARGUMENT(11)

#define TAKE(n) 				\
	if (usdt_argument_##n(ctx, &value))	\
		goto failed;			\
	e->values[n] = value;

SEC("usdt/all") int user_all(struct registers *ctx)
{
	struct event *e = reserve();
	u64 value = 0;

	if (!e)
		return 0;
	TAKE(0) TAKE(1) TAKE(2) TAKE(3) TAKE(4) TAKE(5)
	TAKE(6) TAKE(7) TAKE(8) TAKE(9) TAKE(10) TAKE(11)
	bpf_ringbuf_submit(e, 0);
	return 0;
failed:
	__sync_fetch_and_add(&failed_reads, 1);
	bpf_ringbuf_discard(e, 0);
	return 0;
}

SEC("usdt/one") int user_one(struct registers *ctx)
{
	struct event *e = reserve();
	u64 value = 0;

	if (!e)
		return 0;
	TAKE(0)
	bpf_ringbuf_submit(e, 0);
	return 0;
failed:
	__sync_fetch_and_add(&failed_reads, 1);
	bpf_ringbuf_discard(e, 0);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
