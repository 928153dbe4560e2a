package c

// helper is one BPF helper as the C declares it. bpf-helpers(7) and the list behind
// ___BPF_FUNC_MAPPER in include/uapi/linux/bpf.h are the source of each.
type helper struct {
	Name   string
	Result string // with the blank before a name
	Params string
	Number int
}

// helpers are the helpers that our C calls, and those a spec's own C may call without
// declaring them, by number.
var helpers = []helper{
	{"bpf_map_lookup_elem", "void *", "void *map, const void *key", 1},
	{"bpf_map_update_elem", "long ", "void *map, const void *key, const void *value, u64 flags", 2},
	{"bpf_map_delete_elem", "long ", "void *map, const void *key", 3},
	{"bpf_ktime_get_ns", "u64 ", "void", 5},
	{"bpf_get_prandom_u32", "u32 ", "void", 7},
	{"bpf_get_smp_processor_id", "u32 ", "void", 8},
	{"bpf_get_current_pid_tgid", "u64 ", "void", 14},
	{"bpf_get_current_uid_gid", "u64 ", "void", 15},
	{"bpf_get_current_comm", "long ", "void *to, u32 size", 16},
	{"bpf_perf_event_output", "long ", "void *ctx, void *map, u64 flags, const void *data, u64 size", 25},
	{"bpf_get_current_task", "u64 ", "void", 35},
	{"bpf_get_stack", "long ", "void *ctx, void *to, u32 size, u64 flags", 67},
	{"bpf_get_current_cgroup_id", "u64 ", "void", 80},
	{"bpf_probe_read_user", "long ", "void *to, u32 size, const void *from", 112},
	{"bpf_probe_read_kernel", "long ", "void *to, u32 size, const void *from", 113},
	{"bpf_probe_read_user_str", "long ", "void *to, u32 size, const void *from", 114},
	{"bpf_probe_read_kernel_str", "long ", "void *to, u32 size, const void *from", 115},
	{"bpf_ktime_get_boot_ns", "u64 ", "void", 125},
	{"bpf_ringbuf_output", "long ", "void *map, const void *data, u64 size, u64 flags", 130},
	{"bpf_ringbuf_reserve", "void *", "void *map, u64 size, u64 flags", 131},
	{"bpf_ringbuf_submit", "void ", "void *record, u64 flags", 132},
}
