package fit

import (
	"bytes"
	"errors"
	"reflect"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

const text = `name: fits
probe: rawtracepoint:sched_switch
fields:
  prio: args.prev.prio
  limit: curtask.signal.rlim[curtask.prio].rlim_cur
  gone: exists(args.prev.no_such_member)
filter: args.prev.pid != TCP_CLOSE_WAIT
`

func kernel(t *testing.T) *ktype.Kernel {
	t.Helper()
	k, err := ktype.Running()
	if err != nil {
		t.Skipf("no types of this kernel: %v", err)
	}
	return k
}

func planOf(t *testing.T, k *ktype.Kernel, text string) *plan.Plan {
	t.Helper()
	doc, diags := spec.Parse("fits.yaml", []byte(text))
	p, diags := check.Check(doc, diags, k, check.Options{Arch: goruntime.GOARCH})
	if p == nil {
		var out strings.Builder
		_ = diags.Print(&out)
		t.Fatal(out.String())
	}
	return p
}

// TestOwnKernel holds plans against the kernel that they were made for: nothing changes.
func TestOwnKernel(t *testing.T) {
	k := kernel(t)
	for _, text := range []string{
		text,
		"name: calls\nprobe: syscall:openat\nfields: {file: str(args.filename)}\n",
		"name: returns\nprobe: syscall:uname:return\nfields: {value: retval}\n",
		"name: flows\nprobe: rawtracepoint:tcp_destroy_sock\nfields: {owner: owner(args.sk), flow: flow(args.sk)}\n",
		"name: tasks\nprobe: iter:task\nfields: {pid: args.task.tgid}\n",
		"name: sampled\nprobe: profile:hz:99\nfields: {pid: pid, at: ustack}\n",
		"name: lookups\nprobe: uprobe:libc:getenv\nfields: {name: str(args.0)}\n",
	} {
		p := planOf(t, k, text)
		got, err := To(p, k)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if !reflect.DeepEqual(got, p) {
			t.Errorf("%s: the plan has changed", p.Name)
		}
	}
}

// TestOtherKernel changes what a plan knows of its kernel, one thing at a time: what
// would be read wrong is refused, and said.
func TestOtherKernel(t *testing.T) {
	k := kernel(t)
	member := func(p *plan.Plan, tag, name string) *plan.Member {
		s := slices.IndexFunc(p.Structs, func(s plan.Struct) bool { return s.Name == tag })
		if s < 0 {
			t.Fatalf("the plan reads no struct %s", tag)
		}
		m := slices.IndexFunc(p.Structs[s].Members, func(m plan.Member) bool { return m.Name == name })
		if m < 0 {
			t.Fatalf("the plan reads no %s of struct %s", name, tag)
		}
		return &p.Structs[s].Members[m]
	}
	for _, test := range []struct {
		name   string
		change func(p *plan.Plan)
		want   string // of the reason; "" when it fits all the same
	}{
		{"another machine", func(p *plan.Plan) { p.Arch = "s390x" }, "it is for s390x"},
		{"a constant of another value", func(p *plan.Plan) { p.Constants[0].Value++ }, "TCP_CLOSE_WAIT is 8 there, not 9"},
		{"a constant that is gone", func(p *plan.Plan) { p.Constants[0].Name = "TCP_NO_SUCH_STATE" }, "TCP_NO_SUCH_STATE is not known there"},
		{"a number that was narrower", func(p *plan.Plan) { member(p, "task_struct", "prio").Type.Size = 2 }, "struct task_struct.prio is s32 there, not s16"},
		{"a number that was wider", func(p *plan.Plan) { member(p, "task_struct", "pid").Type.Size = 8 }, ""},
		{"a number that had no sign", func(p *plan.Plan) { member(p, "task_struct", "pid").Type.Signed = false }, "struct task_struct.pid is s32 there, not u32"},
		{"a wider one without a sign", func(p *plan.Plan) { m := member(p, "rlimit", "rlim_cur"); m.Type.Size = 8; m.Type.Signed = false }, ""},
		{"a number in another order", func(p *plan.Plan) { member(p, "task_struct", "pid").Type.BigEndian = true }, "not s32 in network order"},
		{"a pointer to something else", func(p *plan.Plan) { member(p, "task_struct", "signal").Type.Name = "sighand_struct" }, "a pointer to signal_struct there, not a pointer to sighand_struct"},
		{"a member that is gone", func(p *plan.Plan) { member(p, "task_struct", "pid").Name = "pid_of_old" }, ""},
		{"an element of another size", func(p *plan.Plan) {
			i := slices.IndexFunc(p.Facts, func(f plan.Fact) bool { return f.Size > 0 })
			p.Facts[i].Size += 8
		}, "struct rlimit has 16 bytes there, not 24"},
		{"a member that was not there", func(p *plan.Plan) {
			i := slices.IndexFunc(p.Facts, func(f plan.Fact) bool { return f.Lacks != "" })
			p.Facts[i].Lacks = "pid"
		}, "struct task_struct has pid there, which was not known"},
		{"an argument that was not there", func(p *plan.Plan) {
			p.Probes[0].Alternatives[0].Lacks = []string{"prev_state"}
		}, `it has an argument "prev_state" there, which was not known`},
		{"one by its place", func(p *plan.Plan) { p.Probes[0].Alternatives[0].Lacks = []string{"2"} }, `it has an argument "2" there`},
		{"one that is not there either", func(p *plan.Plan) { p.Probes[0].Alternatives[0].Lacks = []string{"none", "17"} }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := planOf(t, k, text)
			test.change(p)
			_, err := To(p, k)
			var misfit *Misfit
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && !errors.As(err, &misfit):
				t.Errorf("error %v, want a *Misfit", err)
			case test.want != "" && (len(misfit.Reasons) != 1 || !strings.Contains(misfit.Reasons[0], test.want)):
				t.Errorf("reasons %q, want one with %q", misfit.Reasons, test.want)
			}
		})
	}
}

// TestAlternatives leaves out what does not fit, as long as something is left.
func TestAlternatives(t *testing.T) {
	k := kernel(t)
	p := planOf(t, k, "name: two\nprobe: rawtracepoint:sched_process_exit | rawtracepoint:sched_process_free\nfields: {pid: args.p.pid}\n")
	if n := len(p.Probes[0].Alternatives); n != 2 {
		t.Fatalf("%d alternatives, want 2", n)
	}
	p.Probes[0].Alternatives[0].Calls[0].Args[0].Index++
	got, err := To(p, k)
	if err != nil {
		t.Fatal(err)
	}
	if a := got.Probes[0].Alternatives; len(a) != 1 || a[0].Target != "sched_process_free" {
		t.Errorf("alternatives %v, want sched_process_free alone", a)
	}
	if passed(got) != 1 || passed(p) != 0 {
		t.Errorf("%d probes that the spec would rather have are passed, of the plan itself %d; want 1 and 0", passed(got), passed(p))
	}
	if r := got.Probes[0].Refused; len(r) != 1 || r[0] != "rawtracepoint:sched_process_exit: argument p is passed in another place" {
		t.Errorf("refused: %q", r)
	}
	if len(p.Probes[0].Alternatives) != 2 {
		t.Error("the plan that was given has changed")
	}
	p.Probes[0].Alternatives[1].Target = "no_such_tracepoint"
	if _, err := To(p, k); err == nil {
		t.Error("a probe without an alternative fits")
	}
}

// TestChoose takes, of two tracers that fit, the one with the probe that the spec names first.
func TestChoose(t *testing.T) {
	k := kernel(t)
	first := planOf(t, k, "name: two\nprobe: rawtracepoint:sched_process_exit | rawtracepoint:sched_process_free\nfields: {pid: args.p.pid}\n")
	second := *first
	second.Probes = slices.Clone(first.Probes)
	second.Probes[0].Alternatives, second.Probes[0].Passed = first.Probes[0].Alternatives[1:], 1
	var all []plan.Compiled
	for i, p := range []*plan.Plan{&second, first} { // as made for two other kernels
		all = append(all, plan.Compiled{Bundle: &plan.Bundle{Plan: p, Object: []byte{byte(i)}}, Kernels: []plan.Origin{{Release: "5.10", ID: "other"}}})
	}
	var out bytes.Buffer
	if err := plan.WriteArchive(&out, all); err != nil {
		t.Fatal(err)
	}
	a, err := plan.OpenArchive(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Choose(a, "two", Host{Arch: goruntime.GOARCH, Kernel: func() (*ktype.Kernel, error) { return k, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.Plan.Probes[0].Alternatives); n != 2 {
		t.Errorf("%d alternatives, want the tracer with 2", n)
	}
}

// TestEnums names values as the kernel does.
func TestEnums(t *testing.T) {
	k := kernel(t)
	p := planOf(t, k, "name: states\nprobe: rawtracepoint:inet_sock_set_state\nfields: {to: (tcp_state) args.newstate}\n")
	want := slices.Clone(p.Enums[0].Values)
	p.Enums[0].Values = []plan.EnumValue{{Name: "ESTABLISHED", Value: 37}}
	got, err := To(p, k)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Enums[0].Values, want) {
		t.Errorf("names are %v, want the kernel's", got.Enums[0].Values)
	}
}
