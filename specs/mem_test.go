package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestSlabratetop wants each object that one thread takes from a cache, and its bytes as the
// kernel itself counts them.
func TestSlabratetop(t *testing.T) {
	const pairs = 1009
	comm := own("pairs")
	got := trace(t, map[string][]string{"comm": {comm}}, func(context.Context) error {
		return workload.SocketPairs(comm, pairs)
	}, "slabratetop")[0]
	const cache = "sock_inode_cache"
	allocs, bytes := 0, 0
	for _, r := range got.records {
		if r["cache"] == cache {
			allocs, bytes = allocs+number(r["allocs"]), bytes+number(r["bytes"])
		}
	}
	if missed := int(got.account.Missed); allocs > 2*pairs || allocs+missed < 2*pairs {
		t.Errorf("%d objects and %d missed, want %d: %v", allocs, missed, 2*pairs, got.records)
	}
	if size := objectSize(t, cache); bytes != size*allocs {
		t.Errorf("%d bytes of %d objects, want %d each", bytes, allocs, size)
	}
}

// objectSize is how much of a slab an object of a cache takes: <objsize> in slabinfo(5).
func objectSize(t *testing.T, cache string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 3 && words[0] == cache {
			size, err := strconv.Atoi(words[3])
			if err != nil {
				t.Fatal(err)
			}
			return size
		}
	}
	t.Fatalf("no cache is named %s", cache)
	return 0
}

// TestOomkill wants each process that the kernel kills, and how much memory there was.
func TestOomkill(t *testing.T) {
	const kills, limit = 3, 64 << 20
	comm := own("eater")
	var killed []int
	got := trace(t, nil, func(ctx context.Context) (err error) {
		killed, err = workload.OutOfMemory(ctx, comm, kills, limit)
		return err
	}, "oomkill")[0]
	pages := 0
	if !strings.HasPrefix(attached(got.log, "oom_kill_process |"), "rawtracepoint") {
		pages = limit / os.Getpagesize()
	}
	want := map[int]bool{}
	for _, pid := range killed {
		want[pid] = true
	}
	for _, r := range got.records {
		victim := number(r["victim"])
		if !want[victim] {
			continue // of somebody else's group
		}
		if r["victim_comm"] != comm || number(r["pid"]) != victim || number(r["pages"]) != pages {
			t.Errorf("%v, want %s of %d pages", r, comm, pages)
		}
		delete(want, victim)
	}
	if len(killed) != kills || len(want) > 0 {
		t.Errorf("of %v there is no record: %v", want, got.records)
	}
}

// TestDrsnoop wants as many threads that freed memory themselves as the kernel counts.
func TestDrsnoop(t *testing.T) {
	if os.Getenv("EBGEN_VM") == "" {
		t.Skip("it takes the memory of everybody on the machine, so it is for guests: scripts/test-kernels")
	}
	comm := own("squeezer")
	stalls := 0
	got := trace(t, nil, func(ctx context.Context) (err error) {
		stalls, err = workload.SqueezeMemory(ctx, comm, 2)
		return err
	}, "drsnoop")[0]
	for _, r := range got.records {
		if r["comm"] == comm && (number(r["pid"]) != os.Getpid() || number(r["took"]) <= 0 || number(r["pages"]) < 0 || number(r["order"]) != 9) {
			t.Errorf("%v, want huge pages", r)
		}
	}
	n, missed := len(got.records), int(got.account.Missed)
	again := 0 // what got nothing tries once more and is counted twice (sc->memcg_full_walk, mm/vmscan.c, Linux 6.10)
	var name unix.Utsname
	if major, minor := 0, 0; unix.Uname(&name) == nil {
		_, _ = fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
		if major > 6 || major == 6 && minor >= 10 {
			again = n
		}
	}
	if stalls < 2 || n > stalls || n+again+missed < stalls {
		t.Errorf("%d records and %d missed, the kernel counts %d", n, missed, stalls)
	}
}

// TestLlcstat counts page faults in the place of a cache's references and misses, since a
// virtual machine seldom has counters of its CPU: as many of either, and none a hit. Where
// there are such counters it wants them too.
func TestLlcstat(t *testing.T) {
	p := start(t, program(t, "pages"))
	params := map[string][]string{"pid": {fmt.Sprint(p.Process.Pid)}}
	work := func(context.Context) error { return errors.Join(p.round(), p.round(), p.round()) }
	got := trace(t, params, work, "llcstat_faults")[0]
	references, misses := 0, 0
	for _, r := range got.records {
		hits := 100 * float64(number(r["references"])-number(r["misses"])) / float64(number(r["references"]))
		if number(r["pid"]) != p.Process.Pid || r["comm"] != "pages" || fraction(r["hit_percent"]) != hits {
			t.Errorf("%v, want %v of hits", r, hits)
		}
		references, misses = references+number(r["references"]), misses+number(r["misses"])
	}
	if references < 3*37 || misses != references {
		t.Errorf("%d page faults and %d minor ones, want the same and %d at least", references, misses, 3*37)
	}
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_HARDWARE, Config: unix.PERF_COUNT_HW_CACHE_MISSES, Size: unix.PERF_ATTR_SIZE_VER0}, 0, -1, -1, 0)
	if err != nil {
		t.Logf("this machine has no counter of cache misses: %v", err)
		return
	}
	_ = unix.Close(fd)
	if counted := trace(t, params, work, "llcstat")[0]; sum(counted.records, "references") == 0 {
		t.Errorf("no references: %v", counted.records)
	}
}
