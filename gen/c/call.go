package c

import (
	"fmt"

	"github.com/ebgen/ebgen/spec/plan"
)

// builtin says how a builtin that is a number is written.
type builtin struct {
	call string // the helper, or function of ours, that it is taken from
	name string // of the variable that keeps its result when that is used twice
	wrap string // of the result; %s is the call
	prec int
	typ  ctype // of the call
}

// builtins lists them by name; comm, func and probe are strings, see store. What users
// call pid is the kernel's tgid, and the other way round for tid.
var builtins = map[string]builtin{
	"pid":     {"bpf_get_current_pid_tgid", "pid_tgid", "%s >> 32", precShift, u64},
	"tid":     {"bpf_get_current_pid_tgid", "pid_tgid", "(u32)%s", precUnary, u64},
	"ppid":    {"parent_tgid", "ppid", "%s", precPrimary, u32},
	"uid":     {"bpf_get_current_uid_gid", "uid_gid", "(u32)%s", precUnary, u64},
	"gid":     {"bpf_get_current_uid_gid", "uid_gid", "%s >> 32", precShift, u64},
	"cgroup":  {"bpf_get_current_cgroup_id", "cgroup", "%s", precPrimary, u64},
	"curtask": {"bpf_get_current_task", "curtask", "(const struct task_struct *)%s", precUnary, u64},
	"cpu":     {"bpf_get_smp_processor_id", "cpu", "%s", precPrimary, u32},
	"nsecs":   {"bpf_ktime_get_ns", "now", "%s", precPrimary, u64},
	"time":    {"bpf_ktime_get_ns", "now", "%s", precPrimary, u64},
	"elapsed": {"bpf_ktime_get_ns", "now", "%s - start_ns", precAdd, u64},
	"rand":    {"bpf_get_prandom_u32", "random", "%s", precPrimary, u32},
}

// builtin writes a call, or the variable that has its result already. The random number
// is one for the whole body too.
func (b *body) builtin(e *plan.Expr) value {
	one, ok := builtins[e.Name]
	if !ok {
		panic(fail("line %d: %s is no number", b.line, e.Name))
	}
	if e.Name == "curtask" {
		b.tag("task_struct", false)
	}
	from := primary(b.use(one.call)+"()", one.typ)
	if b.uses[one.call].total > 1 {
		if v, ok := b.recall(one.call); ok {
			from = v
		} else {
			name := b.local(one.call, one.name, one.typ)
			b.emit(name + " = " + from.text)
			from = primary(name, one.typ)
			b.remember(one.call, known{from, ""})
		}
	}
	v := value{text: fmt.Sprintf(one.wrap, from.text), prec: one.prec, typ: b.typeOf(e.Type)}
	if one.prec == precShift { // 32 bits of the upper half, in a u64
		v.typ = u64
	}
	return v
}

// call writes a call of one of the language's functions that gives a number.
func (b *body) call(e *plan.Expr) value {
	t := b.typeOf(e.Type)
	switch e.Name {
	case "ksym", "syscall_name": // numbers; their meaning is for those who show them
		return cast(b.scalar(&e.Args[0]), t)
	case "ntohs":
		return primary(b.use("be16_to_cpu")+"("+b.assigned(&e.Args[0], integer(2, false))+")", integer(2, false))
	case "ntohl":
		return primary(b.use("be32_to_cpu")+"("+b.assigned(&e.Args[0], u32)+")", u32)
	case "has_prefix":
		s, size := b.place(&e.Args[0])
		text, n := b.place(&e.Args[1])
		if e.Args[1].Op == plan.OpParam {
			return primary(fmt.Sprintf("%s(%s, %s, %d)", b.use("starts_with_param"), s, text, min(size, n)), s32)
		}
		if n-1 >= size {
			return number(0, s32, false)
		}
		return primary(b.sameText(s, text, n-1, false), s32)
	case "strncmp":
		s, size := b.place(&e.Args[0])
		text, limit := b.place(&e.Args[1])
		n := min(int(e.Args[2].Int), size, limit)
		return value{text: "!" + b.sameText(s, text, n, e.Args[1].Op == plan.OpParam), prec: precUnary, typ: s32}
	case "log2":
		return primary(b.use("log2_u64")+"("+b.widened(&e.Args[0], u64)+")", u32)
	case "abs":
		return cast(primary(b.use("magnitude")+"("+b.widened(&e.Args[0], integer(8, true))+")", u64), t)
	case "min", "max":
		wide := integer(8, t.signed)
		text := fmt.Sprintf("%s(%s, %s)", b.use(e.Name+"_"+wide.name), b.widened(&e.Args[0], wide), b.widened(&e.Args[1], wide))
		return cast(primary(text, wide), t)
	}
	panic(fail("line %d: %s() gives no number", b.line, e.Name))
}
