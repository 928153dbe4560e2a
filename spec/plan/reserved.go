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
		lost failed_reads limited owners_full idle start_ns records_per_second events owners seconds scratch license LICENSE
		BPF_ANY BPF_NOEXIST BPF_F_NO_PREALLOC BPF_F_CURRENT_CPU BPF_RB_NO_WAKEUP BPF_RB_FORCE_WAKEUP
		BPF_MAP_TYPE_HASH BPF_MAP_TYPE_PERF_EVENT_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY BPF_MAP_TYPE_LRU_HASH
		BPF_MAP_TYPE_LPM_TRIE BPF_MAP_TYPE_RINGBUF
		AF_INET AF_INET6 DYNAMIC EXISTS FIELD NO_VALUE READ READ_COMM READ_INT READ_STR READ_STR_USER READ_USER ZERO
		be16_to_cpu be32_to_cpu be64_to_cpu count_one div_s64 div_u64 failed failure file_socket flow flow_daddr flow_dport
		flow_of flow_saddr flow_sport ip_addr ip_listed ip_of_be32 ip_prefix log2_u64 magnitude max_s64 max_u64 min_s64
		min_u64 missing mod_s64 mod_u64 over_rate owner owner_created owner_destroyed owner_entry owner_grafted owner_note
		owner_of owner_returned owner_swept parent_tgid read_ip4 read_ip4_user register registers same_as_param same_ip
		same_text sock_family sock_tracked socket_inode starts_with_param event
		bpf_get_current_cgroup_id bpf_get_current_comm bpf_get_current_pid_tgid bpf_get_current_task bpf_get_current_uid_gid
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
