package c

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// rawTracepoint is a probe whose program takes its arguments from the slots in order.
func rawTracepoint(target, program string, args int) []plan.Probe {
	var call plan.Call
	for i := range args {
		call.Args = append(call.Args, plan.Source{From: plan.Slot, Index: i})
	}
	a := plan.Attachment{Kind: plan.RawTracepoint, Target: target, Program: program, Calls: []plan.Call{call}}
	return []plan.Probe{{Name: "rawtracepoint:" + target, Line: 2, Alternatives: []plan.Attachment{a}}}
}

var charType = plan.Type{Kind: plan.Int, Size: 1, Signed: true}

// taskStruct has tgid at another width and sign than any kernel's, which is int.
var taskStruct = plan.Struct{Name: "task_struct", Members: []plan.Member{
	{Name: "tgid", Type: tU64}, {Name: "comm", Type: tArray(charType, 16)}, {Name: "mm", Type: structPointer("mm_struct")},
	{Name: "sched_reset_on_fork", Type: tU32, Bits: 1}, {Name: "prio", Type: tS64}, {Name: "static_prio", Type: plan.Type{Kind: plan.Int, Size: 1, Signed: true}},
	{Name: "pid", Type: tS32}, {Name: "group_leader", Type: structPointer("task_struct")}, {Name: "real_parent", Type: structPointer("task_struct")},
}}

// setComm names the calling thread, which must be locked to its goroutine.
func setComm(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", unix.Gettid()), []byte(name), 0); err != nil {
		t.Fatal(err)
	}
}

func field(t *testing.T, p *plan.Plan, record []byte, name string) []byte {
	t.Helper()
	for _, f := range p.Record.Fields {
		if f.Name == name {
			return record[f.Offset : f.Offset+f.Type.Size]
		}
	}
	t.Fatalf("no field %s", name)
	return nil
}

func numberOf(t *testing.T, p *plan.Plan, record []byte, name string) int64 {
	t.Helper()
	for _, f := range p.Record.Fields {
		if f.Name == name {
			return decoded(record, f)
		}
	}
	t.Fatalf("no field %s", name)
	return 0
}

// TestReads wants what is read of the running task to be right, and what cannot be read
// to be zeros, marked and counted once.
func TestReads(t *testing.T) {
	current := plan.Expr{Op: plan.OpBuiltin, Type: structPointer("task_struct"), Name: "curtask"}
	nothing := arg("p", structPointer("task_struct"))
	mm := load(nothing, structPointer("mm_struct"), "mm")
	p := tracer("values", plan.Body{Name: "values", Line: 2, Args: []plan.Arg{{Name: "p", Type: nothing.Type}}}, rawTracepoint("sys_enter", "values_rawtracepoint", 1),
		column{"pid", built("pid")}, column{"tid", built("tid")}, column{"ppid", built("ppid")}, column{"comm", built("comm")},
		column{"tgid", load(current, tU64, "tgid")}, column{"wide", load(current, tS64, "prio")}, column{"bit", load(current, tU32, "sched_reset_on_fork")},
		column{"name", calling("str", tString(100), addressOf(current, tText, "comm"))},
		column{"bytes", calling("buf", tBytes(3), addressOf(current, tText, "comm"))},
		column{"chained", load(mm, tU64, "total_vm")},
		column{"summed", op(tU64, "+", load(nothing, tU64, "tgid"), number64(1, tU64))},
		column{"again", load(nothing, tU64, "tgid")},
		column{"text", calling("str", tString(20), addressOf(nothing, tText, "comm"))},
		column{"chosen", cond(op(tBool, "==", load(nothing, tU32, "sched_reset_on_fork"), number64(0, tU32)), number64(5, tS32), load(nothing, tS32, "pid"))},
		column{"default", orElse(load(nothing, tU64, "tgid"), number64(77, tU64))},
	)
	p.Structs = []plan.Struct{{Name: "mm_struct", Members: []plan.Member{{Name: "total_vm", Type: tU64}}}, taskStruct}
	eachWay(t, p, func(t *testing.T, compiler string) {
		r := newRunner(t, compile(t, compiler, "x86", printed(t, p)), "values_rawtracepoint")
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// First long names all over the ring, so that what is not written shows.
		setComm(t, "fifteen-letters")
		for range 2 * p.Channel.Size / p.Record.Size {
			r.run(t, 0)
		}
		failedBefore := r.counter(t, "failed_reads")
		setComm(t, "ab")
		record := r.run(t, 0)
		setComm(t, "ebgen-test")
		want := map[string]int64{
			"pid": int64(os.Getpid()), "tid": int64(unix.Gettid()), "ppid": int64(os.Getppid()), "tgid": int64(os.Getpid()), "wide": 120, "bit": 0,
			"chained": 0, "summed": 0, "again": 0, "chosen": 0, "default": 77,
		}
		for name, n := range want {
			if got := numberOf(t, p, record, name); got != n {
				t.Errorf("%s is %d, wanted %d", name, got, n)
			}
		}
		for name, size := range map[string]int{"comm": 16, "name": 100, "bytes": 3} {
			text := append([]byte("ab"), make([]byte, size-2)...)
			if got := field(t, p, record, name); !bytes.Equal(got, text) {
				t.Errorf("%s is %q, wanted %q", name, got, text)
			}
		}
		absent := binary.LittleEndian.Uint64(record[p.Record.Absent:])
		var missing uint64
		for _, f := range p.Record.Fields {
			switch f.Name {
			case "chained", "summed", "again", "text", "chosen":
				missing |= 1 << f.Bit
			}
		}
		if absent != missing {
			t.Errorf("absent is %#b, wanted %#b", absent, missing)
		}
		if got := r.counter(t, "failed_reads") - failedBefore; got != 5 {
			t.Errorf("%d failed reads were counted, wanted 5", got)
		}
		for at := range p.Record.Size {
			if !covered(p, at) && record[at] != 0 {
				t.Errorf("byte %d belongs to no field and is %#x", at, record[at])
			}
		}
	})
}

// eachWay runs a test with each compiler, and with each way to read the kernel's memory
// that this kernel has.
func eachWay(t *testing.T, p *plan.Plan, test func(t *testing.T, compiler string)) {
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types of this kernel: %v", err)
	}
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) { test(t, compiler) })
		t.Run(compiler+"/direct", func(t *testing.T) {
			if !k.Loads() {
				t.Skip("before Linux 6.17 programs cannot load from any address")
			}
			p.Direct = true
			defer func() { p.Direct = false }()
			test(t, compiler)
		})
	}
}

func covered(p *plan.Plan, at int) bool {
	if at >= p.Record.Absent && at < p.Record.Absent+8 {
		return true
	}
	for _, f := range p.Record.Fields {
		if at >= f.Offset && at < f.Offset+f.Type.Size {
			return true
		}
	}
	return false
}

// TestUnreadableFilter wants a filter that cannot be read not to hold, and to be counted.
func TestUnreadableFilter(t *testing.T) {
	nothing := arg("p", structPointer("task_struct"))
	p := tracer("unreadable", plan.Body{Name: "unreadable", Line: 2, Args: []plan.Arg{{Name: "p", Type: nothing.Type}},
		Filters: []plan.Filter{{Expr: op(tBool, "==", load(nothing, tU64, "tgid"), number64(0, tU64)), Line: 3}},
	}, rawTracepoint("sys_enter", "unreadable_rawtracepoint", 1), column{"pid", built("pid")})
	p.Structs = []plan.Struct{taskStruct}
	r := newRunner(t, compile(t, "clang", "x86", printed(t, p)), "unreadable_rawtracepoint")
	for range 37 {
		r.fire(t, 0)
	}
	if _, ok := r.read(t); ok {
		t.Error("a record was made")
	}
	if got := r.counter(t, "failed_reads"); got != 37 {
		t.Errorf("%d failed reads were counted, wanted 37", got)
	}
}

// TestText compares the running thread's name with constants.
func TestText(t *testing.T) {
	comm := built("comm")
	long := calling("str", tString(200), addressOf(built("curtask"), tText, "comm"))
	p := tracer("texts", plan.Body{Name: "texts", Line: 2, Filters: []plan.Filter{{Expr: calling("has_prefix", tBool, long, text("eb")), Line: 3}}},
		rawTracepoint("sys_enter", "texts_rawtracepoint", 0),
		column{"same", op(tBool, "==", comm, text("ebgen"))},
		column{"longer", op(tBool, "==", comm, text("ebgen-"))},
		column{"shorter", op(tBool, "==", comm, text("ebge"))},
		column{"other", op(tBool, "!=", comm, text("ebgen"))},
		column{"never", op(tBool, "==", comm, text("a name longer than sixteen bytes"))},
		column{"empty", op(tBool, "==", comm, text(""))},
		column{"prefix", calling("has_prefix", tBool, comm, text("ebg"))},
		column{"noprefix", calling("has_prefix", tBool, comm, text("ebgen-"))},
		column{"first4", calling("strncmp", tS32, comm, text("ebgexx"), number64(4, tU32))},
		column{"first5", calling("strncmp", tS32, comm, text("ebgexx"), number64(5, tU32))},
		column{"listed", plan.Expr{Op: plan.OpIn, Type: tBool, Args: []plan.Expr{comm, text("x"), text("ebgen")}}},
		column{"constant", text("a \"text\" \\ ??/ *\x01")},
	)
	p.Structs = []plan.Struct{taskStruct}
	want := map[string]int64{"same": 1, "longer": 0, "shorter": 0, "other": 0, "never": 0, "empty": 0, "prefix": 1, "noprefix": 0, "first4": 0, "first5": 1, "listed": 1}
	for _, compiler := range compilers {
		t.Run(compiler, func(t *testing.T) {
			r := newRunner(t, compile(t, compiler, "x86", printed(t, p)), "texts_rawtracepoint")
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			setComm(t, "other")
			r.fire(t)
			if _, ok := r.read(t); ok {
				t.Error("the filter let another name through")
			}
			setComm(t, "ebgen")
			record := r.run(t)
			for name, n := range want {
				if got := numberOf(t, p, record, name); got != n {
					t.Errorf("%s is %d, wanted %d", name, got, n)
				}
			}
			if got := string(bytes.TrimRight(field(t, p, record, "constant"), "\x00")); got != "a \"text\" \\ ??/ *\x01" {
				t.Errorf("the constant text is %q", got)
			}
		})
	}
}

// TestRate wants no second to have more records than allowed, and the rest counted.
func TestRate(t *testing.T) {
	p := tracer("rated", plan.Body{Name: "rated", Line: 2}, rawTracepoint("sys_enter", "rated_rawtracepoint", 0), column{"time", built("time")})
	p.Limits.Rate = 10
	r := newRunner(t, compile(t, "clang", "x86", printed(t, p)), "rated_rawtracepoint")
	const fired = 101
	for range fired {
		r.fire(t)
	}
	records := uint64(0)
	for {
		if _, ok := r.read(t); !ok {
			break
		}
		records++
	}
	var second, taken uint64
	seconds := r.Maps["seconds"].Iterate()
	count := uint64(0)
	for seconds.Next(&second, &taken) {
		count += min(taken, 10)
	}
	if records != count {
		t.Errorf("%d records were made, the seconds allowed %d", records, count)
	}
	if limited := r.counter(t, "limited"); records+limited != fired || limited == 0 {
		t.Errorf("%d records and %d limited, %d were fired", records, limited, fired)
	}
}

// TestOwners follows one listening socket: swept, recognised by its inode, forgotten when
// destroyed.
func TestOwners(t *testing.T) {
	sk := arg("sk", structPointer("sock"))
	p := tracer("owned", plan.Body{Name: "owned", Line: 2, Args: []plan.Arg{{Name: "sk", Type: sk.Type}, {Name: "oldstate", Type: tS32}}}, rawTracepoint("inet_sock_set_state", "owned_rawtracepoint", 2),
		column{"oldstate", arg("oldstate", tS32)},
		column{"owner", calling("owner", tOwner, sk)}, column{"port", partOf(calling("flow", tFlow, sk), "sport", tPort)}, column{"sk", castTo(tU64, sk)},
		column{"pid", partOf(calling("owner", tOwner, sk), "pid", tU32)})
	p.Structs = append(append([]plan.Struct{}, ownerStructs...), sockStructs...)
	p.Owners = tcpretrans().Owners
	r := newRunner(t, compile(t, "clang", "x86", printed(t, p)), "owned_rawtracepoint")
	for name, target := range map[string]string{"owned_rawtracepoint": "inet_sock_set_state", "owner_destroy": "tcp_destroy_sock"} {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: target, Program: r.Programs[name]})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	sweep := func(t *testing.T) {
		t.Helper()
		l, err := link.AttachIter(link.IterOptions{Program: r.Programs["owner_sweep"]})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		files, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		if _, err := io.Copy(io.Discard, files); err != nil {
			t.Fatal(err)
		}
	}
	const tcpListen = 10 // include/net/tcp_states.h
	// closed closes a listener and returns the record that it made when it left LISTEN,
	// and what looking its entry up gives afterwards.
	closed := func(t *testing.T, l net.Listener) (record []byte, left error) {
		t.Helper()
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		l.Close()
		var sk int64 // it has no port any more when it leaves LISTEN
		for {
			one, ok := r.read(t)
			if !ok {
				break
			}
			if binary.LittleEndian.Uint16(field(t, p, one, "port")) == port {
				sk = numberOf(t, p, one, "sk")
			}
			if numberOf(t, p, one, "sk") == sk && numberOf(t, p, one, "oldstate") == tcpListen {
				record = one
			}
		}
		if record == nil {
			t.Fatal("the listener's end made no record")
		}
		var entry [32]byte
		key := field(t, p, record, "sk")
		return record, r.Maps["owners"].Lookup(key, &entry)
	}
	listen := func(t *testing.T) net.Listener {
		t.Helper()
		var plain net.ListenConfig // a multipath one is another kind of socket above TCP's
		plain.SetMultipathTCP(false)
		l, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}

	t.Run("unknown", func(t *testing.T) {
		record, _ := closed(t, listen(t))
		if got := field(t, p, record, "owner"); !bytes.Equal(got, make([]byte, plan.OwnerSize)) {
			t.Errorf("a socket that nobody noted has the owner %q", got)
		}
	})
	t.Run("swept", func(t *testing.T) {
		l := listen(t)
		sweep(t)
		record, left := closed(t, l)
		owner := field(t, p, record, "owner")
		comm, err := os.ReadFile("/proc/self/comm")
		if err != nil {
			t.Fatal(err)
		}
		if pid := int(binary.LittleEndian.Uint32(owner)); pid != os.Getpid() {
			t.Errorf("the owner's pid is %d, ours is %d", pid, os.Getpid())
		}
		if got := string(bytes.TrimRight(owner[plan.OwnerComm:], "\x00")); got != strings.TrimSpace(string(comm)) {
			t.Errorf("the owner's comm is %q, ours is %q", got, comm)
		}
		if got := numberOf(t, p, record, "pid"); got != int64(os.Getpid()) {
			t.Errorf("owner.pid is %d, ours is %d", got, os.Getpid())
		}
		if !errors.Is(left, ebpf.ErrKeyNotExist) {
			t.Errorf("the destroyed socket's entry is still there: %v", left)
		}
	})
	t.Run("another inode", func(t *testing.T) {
		l := listen(t)
		sweep(t)
		var key uint64
		var entry [32]byte
		owners := r.Maps["owners"].Iterate()
		changed := map[uint64][32]byte{}
		for owners.Next(&key, &entry) {
			entry[7] ^= 0xff // of the inode's number
			changed[key] = entry
		}
		for key, entry := range changed {
			if err := r.Maps["owners"].Update(key, entry, ebpf.UpdateExist); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				t.Fatal(err)
			}
		}
		record, _ := closed(t, l)
		if got := field(t, p, record, "owner"); !bytes.Equal(got, make([]byte, plan.OwnerSize)) {
			t.Errorf("another socket's entry gave the owner %q", got)
		}
	})
}

// TestManyReads keeps a body with as many reads as a record can tell of below the
// stack's 512 bytes.
func TestManyReads(t *testing.T) {
	task := arg("p", structPointer("task_struct"))
	var columns []column
	for i := range 64 {
		at := castTo(task.Type, plan.Expr{Op: plan.OpElement, Type: task.Type, Args: []plan.Expr{task, number64(int64(i), tS32)}, Int: 8})
		columns = append(columns, column{fmt.Sprintf("x%d", i), op(tU64, "+", castTo(tU64, load(at, tS64, "prio")), number64(int64(i), tU64))})
	}
	p := tracer("many", plan.Body{Name: "many", Line: 2, Args: []plan.Arg{{Name: "p", Type: task.Type}}}, rawTracepoint("sys_enter", "many_rawtracepoint", 1), columns...)
	p.Structs = []plan.Struct{taskStruct}
	eachWay(t, p, func(t *testing.T, compiler string) {
		newRunner(t, compile(t, compiler, "x86", printed(t, p)), "many_rawtracepoint").run(t, 0)
	})
}
