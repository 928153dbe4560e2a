package ktype

import (
	"errors"
	"testing"
)

func TestFunction(t *testing.T) {
	k := fixture(t)
	for name, want := range map[string]string{
		"tcp_sendmsg":      "int tcp_sendmsg(struct sock *sk, char *buf, long int arg2)",
		"tcp_init":         "void tcp_init(void)",
		"____fput":         "void ____fput(void)",
		"____sys_sendmsg":  "int ____sys_sendmsg(struct sock *sk, char *buf, long int arg2)",
		"__x64_sys_acct":   "long int __x64_sys_acct(struct sock *regs)",
		"__x64_sys_absent": "long int __x64_sys_absent(struct sock *__unused)",
		"repeated":         "int repeated(struct sock *sk, char *buf, long int arg2)",
	} {
		sig, err := k.Function(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if sig.String() != want {
			t.Errorf("got  %s\nwant %s", sig, want)
		}
		if sig.Void != (sig.Return.Kind == Void) || sig.Module != "" {
			t.Errorf("%s: Void is %v, Module %q", name, sig.Void, sig.Module)
		}
	}
	if _, err := k.Function("cleanup"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("two functions that differ: %v, want ErrAmbiguous", err)
	}
	for _, absent := range []string{"tcp_sendmgs", "sock", ""} { // a struct is no function
		_, err := k.Function(absent)
		var missing *NotFound
		if !errors.As(err, &missing) {
			t.Errorf("%q: %v is no *NotFound", absent, err)
			continue
		}
		if near := missing.Nearest(); absent == "tcp_sendmgs" && (len(near) == 0 || near[0] != "tcp_sendmsg") {
			t.Errorf("%q: nearest %q", absent, near)
		}
	}
}

func TestRawTracepoint(t *testing.T) {
	k := fixture(t)
	for name, want := range map[string]string{
		"inet_sock_set_state": "void inet_sock_set_state(struct sock *sk, int oldstate)",
		"nameless":            "void nameless(struct sock *arg0, int arg1)",
		"named_by_class":      "void named_by_class(struct sock *sk, int oldstate)",
	} {
		sig, err := k.RawTracepoint(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if sig.String() != want {
			t.Errorf("got  %s\nwant %s", sig, want)
		}
	}
	_, err := k.RawTracepoint("inet_sock_set_stat")
	var missing *NotFound
	if !errors.As(err, &missing) {
		t.Fatalf("%v is no *NotFound", err)
	}
	if near := missing.Nearest(); len(near) != 1 || near[0] != "inet_sock_set_state" {
		t.Errorf("nearest %q", near)
	}
	for _, function := range []string{"tcp_sendmsg", "sock"} {
		if _, err := k.RawTracepoint(function); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is no tracepoint, but: %v", function, err)
		}
	}
}

func TestFunctions(t *testing.T) {
	k := fixture(t)
	got, err := k.Functions("tcp_*")
	if err != nil || len(got) != 2 || got[0] != "tcp_init" || got[1] != "tcp_sendmsg" {
		t.Errorf("tcp_*: %q, %v", got, err)
	}
	if got, err := k.Functions("repeated"); err != nil || len(got) != 1 {
		t.Errorf("a name of two functions is listed as %q, %v, want it once", got, err)
	}
	if _, err := k.Functions("[tcp"); err == nil {
		t.Error("a malformed pattern gives no error")
	}
}
