package c

import (
	"maps"
	"strings"
)

// keywords are C's (C11 6.4.1, GNU's asm and typeof), and names that would not mean a
// member where one is named so.
var keywords = set(`auto break case char const continue default do double else enum extern float for goto if inline int long
	register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof NULL`)

// reserved are the names that the C has outside of functions, whatever the plan: with
// all pieces, so that a name does not become taken when a spec changes elsewhere.
var reserved = func() map[string]bool {
	names := set(`u8 u16 u32 u64 s8 s16 s32 s64 bool __be16 __be32 __be64 main ctx SEC CORE BIT __always_inline __uint __type
		lost failed_reads limited owners_full idle start_ns records_per_second events owners seconds scratch license LICENSE
		BPF_ANY BPF_NOEXIST BPF_F_NO_PREALLOC BPF_F_CURRENT_CPU BPF_RB_NO_WAKEUP BPF_RB_FORCE_WAKEUP
		BPF_MAP_TYPE_HASH BPF_MAP_TYPE_PERF_EVENT_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY BPF_MAP_TYPE_LRU_HASH
		BPF_MAP_TYPE_LPM_TRIE BPF_MAP_TYPE_RINGBUF`)
	maps.Copy(names, keywords)
	maps.Copy(names, shared)
	return names
}()

func set(text string) map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(text) {
		names[name] = true
	}
	return names
}
