package check

import (
	"strings"
	"testing"
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
		if p != nil {
			_ = p.String()
		}
	})
}
