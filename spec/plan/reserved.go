package plan

import (
	"maps"
	"strings"
)

// Keywords are C's (C11 6.4.1, GNU's asm and typeof) and NULL: nothing in the C can be
// named so, not even a member.
var Keywords = words(`auto break case char const continue default do double else enum extern float for goto if inline int long
	register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof NULL`)

// Reserved are the names that the generated C has outside of functions, Keywords
// included, whatever the plan: a name does not become taken when a spec changes
// elsewhere. A test of gen/c holds the list to what is printed.
var Reserved = func() map[string]bool {
	names := words(`u8 u16 u32 u64 s8 s16 s32 s64 bool __be16 __be32 __be64 main ctx SEC CORE BIT __always_inline __uint __type
		lost failed_reads limited owners_full idle start_ns records_per_second events owners seconds scratch tallies license LICENSE
		BPF_ANY BPF_EXIST BPF_NOEXIST BPF_F_NO_PREALLOC BPF_F_CURRENT_CPU BPF_RB_NO_WAKEUP BPF_RB_FORCE_WAKEUP
		BPF_MAP_TYPE_HASH BPF_MAP_TYPE_PERF_EVENT_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY BPF_MAP_TYPE_LRU_HASH
		BPF_MAP_TYPE_LPM_TRIE BPF_MAP_TYPE_RINGBUF BPF_MAP_TYPE_ARRAY BPF_MAP_TYPE_PERCPU_HASH BPF_MAP_TYPE_LRU_PERCPU_HASH
		BPF_MAP_TYPE_STACK_TRACE
		NAME_BYTES PATH_BYTES PATH_STEPS AF_INET AF_INET6 AT_MOST DYNAMIC EEXIST ETH_P_IP ETH_P_IPV6 packet_flow ENOENT EXISTS FIELD NO_VALUE READ READ_COMM READ_INT READ_STR READ_STR_USER READ_TEXT READ_TEXT_USER READ_USER READ_WORD TALLY ZERO
		be16_to_cpu be32_to_cpu be64_to_cpu count_one div_s64 div_u64 failed failure file_socket flow flow_daddr flow_dport
		flow_of flow_saddr flow_sport ip_addr ip_listed ip_of_be32 ip_prefix log2_u64 magnitude max_s64 max_u64 min_s64
		min_u64 missing mod_s64 mod_u64 over_rate owner owner_created owner_destroyed owner_entry owner_grafted owner_note
		owner_of owner_returned owner_swept parent_tgid kernfs_step path_alone path_end path_of path_of_cgroup path_of_dentry path_of_file path_of_kernfs_node
		path_of_path path_put path_start path_step path_walk read_ip4 read_ip4_user register registers same_as_param same_ip
		same_text sock_family sock_tracked socket_inode starts_with_param event
		functions function_hit function_name go_registers EOPNOTSUPP usdt_argument_0 usdt_argument_1 usdt_argument_2
		usdt_argument_3 usdt_argument_4 usdt_argument_5 usdt_argument_6 usdt_argument_7 usdt_argument_8 usdt_argument_9
		usdt_argument_10 usdt_argument_11
		MAY_BE_EMPTY AT_ENTRY stack_caller stack_with_caller stacks stack_claims stack_kept stack_mix stack_number stack_of stack_slots STACK_SLOTS in_kernel_only space_copied space_met space_of
		spaces spaces_lost spaces_seen BPF_F_USER_STACK EFAULT PF_KTHREAD PF_USER_WORKER bpf_get_stack bpf_ringbuf_output
		ADD KEEP active count_in linear_bucket_s64 linear_bucket_u64 log_bucket_s64 log_bucket_u64
		bpf_rdonly_cast readable bpf_get_current_cgroup_id bpf_get_current_comm bpf_get_current_pid_tgid bpf_get_current_task bpf_get_current_uid_gid
		bpf_get_prandom_u32 bpf_get_smp_processor_id bpf_ktime_get_boot_ns bpf_ktime_get_ns bpf_map_delete_elem
		bpf_map_lookup_elem bpf_map_update_elem bpf_perf_event_output bpf_probe_read_kernel bpf_probe_read_kernel_str
		bpf_probe_read_user bpf_probe_read_user_str bpf_ringbuf_reserve bpf_ringbuf_submit`)
	maps.Copy(names, Keywords)
	return names
}()

func words(text string) map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(text) {
		names[name] = true
	}
	return names
}
