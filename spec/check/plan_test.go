package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebgen/ebgen/gen/c"
	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/spec/plan"
)

// TestExpressions checks what each expression becomes in the plan, in a probe that has
// the argument sk, a struct sock *.
func TestExpressions(t *testing.T) {
	for _, one := range []struct{ expr, want string }{
		{"args.sk.__sk_common.skc_dport", "host(load(args.sk->__sk_common.skc_dport:be16))"},
		{"args.sk->__sk_common->skc_dport", "host(load(args.sk->__sk_common.skc_dport:be16))"},
		{"args.0.__sk_common.skc_num", "load(args.sk->__sk_common.skc_num:u16)"},
		{"args.sk.__sk_common.skc_daddr", "host(load(args.sk->__sk_common.skc_daddr:be32))"},
		{"ip(args.sk.__sk_common.skc_daddr)", "ip(load(args.sk->__sk_common.skc_daddr:be32))"},
		{"args.sk.__sk_common.skc_v6_daddr", "ip(address(args.sk->__sk_common.skc_v6_daddr))"},
		{"args.sk.__sk_common.skc_v6_daddr.in6_u.u6_addr8[3]", "load(args.sk->__sk_common.skc_v6_daddr.in6_u.u6_addr8[3]:u8)"},
		{"((struct inet_sock *) args.sk).inet_id.counter", "load(struct inet_sock *(args.sk)->inet_id.counter:s32)"},
		{"(tcp_state) args.sk.__sk_common.skc_state", "enum8(load(args.sk->__sk_common.skc_state:u8))"},
		{"args.sk.sk_socket.file.f_inode.i_ino", "load(load(load(load(args.sk->sk_socket:struct socket *)->file:struct file *)->f_inode:struct inode *)->i_ino:u64)"},
		{"args.sk.__sk_common.skc_nonesuch ?? 7", "7:s32"},
		{"args.sk.__sk_common.skc_num ?? args.sk.__sk_common.skc_nonesuch", "load(args.sk->__sk_common.skc_num:u16)"},
		{"args.sk.__sk_common.skc_num ?? 0", "default(s32(load(args.sk->__sk_common.skc_num:u16)), 0:s32)"},
		{"exists(args.sk.__sk_common.skc_num)", "exists(args.sk->__sk_common.skc_num)"},
		{"exists(args.sk.__sk_common.skc_nonesuch)", "0:bool"},
		{"args.sk", "u64 hex(args.sk)"},
		{"&args.sk.__sk_common", "u64 hex(address(args.sk->__sk_common))"},
		{"curtask.comm", "str(address(curtask->comm))"},
		{"curtask.comm[pid & 7]", "load(element(address(curtask->comm), s64((pid & 7:u32)), 1 bytes):u8)"},
		{"*((u32 *) args.sk)", "load(int *(args.sk):u32)"},
		{"pid + 1", "(pid + 1:u32)"},
		{"cpu - 1 < 0", "((cpu - 1:u32) < 0:u32)"},
		{"args.sk.__sk_common.skc_num + 1", "(s32(load(args.sk->__sk_common.skc_num:u16)) + 1:s32)"},
		{"(s32) -1 < (u32) 1", "(-1:s64 < 1:s64)"},
		{"(s32) pid < uid", "(s64(s32(pid)) < s64(uid))"},
		{"nsecs * 2", "(nsecs * 2:u64)"},
		{"TCP_CLOSE_WAIT", "TCP_CLOSE_WAIT:s32"},
		{"O_CREAT | 1", "(O_CREAT:s32 | 1:s32)"},
		{"200ms", "200000000:u64 duration"},
		{"4KiB", "4096:u64 size"},
		{"pid in (1, 2)", "in(pid, 1:u32, 2:u32)"},
		{"if(pid, 1, 2)", "cond((pid != 0:u32), 1:s32, 2:s32)"},
		{"not pid", "!(pid != 0:u32)"},
		{"flow(args.sk).dport", "flow(args.sk).dport"},
		{"owner((struct tcp_sock *) args.sk).pid", "owner(struct sock *(struct tcp_sock *(args.sk))).pid"},
		{"((struct tcp_sock *) args.sk).repair", "load(struct tcp_sock *(args.sk)->repair:u8)"},
		{"sizeof(struct sock) > 0", "(784:u64 > 0:s32)"},
		{"-1", "-1:s32"},
		{"~0", "~0:s32"},
		{"comm", "comm"},
		{"min(pid, 5)", "min(pid, 5:u32)"},
		{"abs((s32) pid)", "abs(s32(pid))"},
		{"probe", `"rawtracepoint:tcp_retransmit_skb"`},
		{"func", `"tcp_retransmit_skb"`},
	} {
		text := "name: one\nprobe: rawtracepoint:tcp_retransmit_skb\nfields:\n  x: \"" + strings.ReplaceAll(one.expr, `"`, `\"`) + "\"\n"
		p, diags := checkText(t, "one.yaml", text)
		if p == nil {
			var b strings.Builder
			_ = diags.Print(&b)
			t.Errorf("%s: %s", one.expr, b.String())
			continue
		}
		if got := p.Bodies[0].Fields[0].Expr.String(); got != one.want && !strings.Contains(one.expr, "sizeof") {
			t.Errorf("%s\n got %s\nwant %s", one.expr, got, one.want)
		}
	}
}

// TestUnusedArguments wants no argument in a body that does not use it: what an
// expression went through on the way to a member that this kernel lacks does not count.
func TestUnusedArguments(t *testing.T) {
	for _, expr := range []string{"args.sk.skc_nonesuch ?? 5", "exists(args.sk.sk_socket.nonesuch)"} {
		p, diags := checkText(t, "one.yaml", "name: one\nprobe: rawtracepoint:tcp_retransmit_skb\nfields:\n  x: "+expr+"\n")
		if p == nil {
			t.Errorf("%s: %v", expr, diags.All())
		} else if b := p.Bodies[0]; len(b.Args) > 0 || len(p.Structs) > 0 {
			t.Errorf("%s: the body has arguments %v, the plan structs %v", expr, b.Args, p.Structs)
		}
	}
}

// TestArgumentOfOneAlternative wants each alternative to take the argument that it has, and
// an argument that none has to be a mistake.
func TestArgumentOfOneAlternative(t *testing.T) {
	const text = "name: one\nprobe: rawtracepoint:tcp_retransmit_skb | function:tcp_retransmit_skb\nfields:\n  x: "
	p, diags := checkText(t, "one.yaml", text+"args.segs ?? args.err\n")
	if p == nil {
		t.Fatal(diags.All())
	}
	var got []string
	for _, b := range p.Bodies {
		got = append(got, b.Fields[0].Expr.String())
	}
	if want := []string{"args.err", "args.segs"}; !slices.Equal(got, want) {
		t.Errorf("the alternatives read %v, want %v", got, want)
	}
	if p, _ := checkText(t, "one.yaml", text+"args.seg ?? args.er\n"); p != nil {
		t.Error("arguments that no alternative has are accepted")
	}
}

// FuzzCheck wants a plan or diagnostics for any expression as field and as filter.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"pid", "args.sk.__sk_common.skc_dport", "comm == \"x\"", "a ?? b", "flow(args.sk).dport in $net", "curtask.comm[pid]", "&args.sk", "*args.sk", "(struct inet_sock *) args.sk", "exists(args.sk.x)", "if(pid, comm, \"x\")", "buf(args.sk, 16)"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, field, filter string) {
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
		text := "name: one\nparams: {net: {type: cidr}, list: {type: '[u32]'}, n: {type: u64, default: 1}}\nprobe: [rawtracepoint:tcp_retransmit_skb, syscall:openat, 'function:tcp_sendmsg:return']\nfields:\n  a: pid\n  x: " + quote(field) + "\nfilter: " + quote(filter) + "\n"
		p, diags := checkText(t, "one.yaml", text)
		if (p == nil) != diags.Failed() {
			t.Fatalf("plan %v, diagnostics %v", p, diags.All())
		}
		serves(t, text, p)
	})
}

// FuzzMaps puts expressions where a spec counts, keeps and saves: none makes the checker
// panic, or leave without a plan and a reason.
func FuzzMaps(f *testing.F) {
	for _, seed := range []string{"pid", "count()", "100 * sum(args.count) / count()", "hist(args.count)", "lhist(args.count, 0, 10, 1)", "quantiles(args.count, 0.5, 0.99)",
		"min(args.count)", "n + 1", "x / n", "n in (1, 2)", "if(n, n, 1)", "str(n)", "log2(n)", "avg(n) % 2", "-n", "(u8) n ?? 1", "avg(m[pid].x)", "m[pid].x ?? 1", "m[pid, 1].x", "has(m[pid])", "start.who", "duration", "start", "m", "m[m[pid].x].x", "sum(duration)", "comm", "args.fd + m[0].x"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, field, other string) {
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
		for _, text := range []string{
			"probe: syscall:write\nchannel: map\nfields: {x: " + quote(field) + ", n: count()}\nsave: {'m[pid]': {x: " + quote(other) + "}}\n",
			"probe: syscall:write\nfields: {x: " + quote(field) + "}\nsave: {" + quote("m["+other+"]") + ": {x: pid}}\ndelete: " + quote(other) + "\n",
			"span: syscall:write\nchannel: map\nfields: {x: " + quote(field) + ", y: " + quote(other) + "}\n",
			"span: {start: syscall:write, end: syscall:close, key: " + quote(other) + ", keep: {who: " + quote(field) + "}}\nfields: {x: " + quote(field) + "}\n",
		} {
			p, diags := checkText(t, "one.yaml", "name: one\n"+text)
			if (p == nil) != diags.Failed() {
				t.Fatalf("plan %v, diagnostics %v", p, diags.All())
			}
			serves(t, text, p)
		}
	})
}

// serves wants a plan that passed the check to become C, and its table rows: a mistake of
// the spec's is told here or nowhere.
func serves(t *testing.T, text string, p *plan.Plan) {
	t.Helper()
	if p == nil {
		return
	}
	_ = p.String()
	if _, err := c.Print(p); err != nil {
		t.Errorf("%v, of\n%s", err, text)
	}
	if p.Table == nil {
		return
	}
	if _, err := aggregate.New(p); err != nil {
		t.Errorf("%v, of\n%s", err, text)
	}
}

// TestPlans prints the plan of every spec of testdata/plan.
func TestPlans(t *testing.T) {
	for _, path := range paths(t, "testdata/plan/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, diags := checkText(t, path, readText(t, path))
			if p == nil {
				var b strings.Builder
				_ = diags.Print(&b)
				t.Fatal(b.String())
			}
			want := strings.TrimSuffix(path, ".yaml") + ".plan"
			got := strings.ReplaceAll(p.String(), p.Kernel, "RELEASE")
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(readText(t, want), got); diff != "" {
				t.Errorf("the plan differs (-want +got), -update accepts it:\n%s", diff)
			}
		})
	}
}
