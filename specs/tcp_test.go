package specs_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// connections runs tracers while a process of an own name makes n TCP connections and 7
// that are refused.
func connections(t *testing.T, n int, params map[string][]string, names ...string) ([]traced, []workload.Connection) {
	t.Helper()
	var made []workload.Connection
	got := trace(t, params, func(ctx context.Context) (err error) {
		made, err = workload.Connections(ctx, own("caller"), n, 7)
		return err
	}, names...)
	if len(made) != n+7 {
		t.Fatalf("%d connections were made, want %d", len(made), n+7)
	}
	return got, made
}

// callers describes the records of one tracer whose owner, or else process, has an own name.
func callers(one traced, describe func(r map[string]any) string) (list []string) {
	for _, r := range one.records {
		who := r
		if owner, ok := r["owner"].(map[string]any); ok {
			who = owner
		}
		if who["comm"] == own("caller") {
			list = append(list, fmt.Sprintf("%v ", who["pid"])+describe(r))
		}
	}
	return list
}

// same compares the events of one tracer with what was made. As many may be missing as the
// kernel says that it missed, where mayMiss says that it may.
func same(t *testing.T, what string, one traced, got, want []string) {
	t.Helper()
	left := slices.Clone(got)
	var absent []string
	for _, l := range want {
		if i := slices.Index(left, l); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			absent = append(absent, l)
		}
	}
	if missed := int(one.account.Missed); len(absent) > 0 && len(absent) <= missed {
		t.Logf("%s: %d events were missed, and %d are missing: %v", what, missed, len(absent), absent)
		got = append(got, absent...)
	}
	compare(t, what, got, want)
}

// took is a duration of a record, which has to be above 0 and below the deadline.
func took(t *testing.T, r map[string]any, column string) time.Duration {
	t.Helper()
	d := time.Duration(number(r[column]))
	if d <= 0 || d >= deadline {
		t.Errorf("%s is %v: %v", column, d, r)
	}
	return d
}

// between are a flow's two ends.
func between(r map[string]any) string {
	local, remote := ends(r["flow"].(map[string]any))
	return local + " " + remote
}

// TestConnections wants of 23 connections that were there and of 7 that were refused what
// each tracer says of one, and no more of their process.
func TestConnections(t *testing.T) {
	names := []string{"tcplife", "tcpconnect", "tcpconnlat", "tcpaccept", "tcpstates", "tcptracer", "solisten", "bindsnoop"}
	got, made := connections(t, 23, nil, names...)
	want := map[string][]string{}
	wants := func(name, format string, args ...any) { want[name] = append(want[name], fmt.Sprintf(format, args...)) }
	for _, m := range made {
		flow := fmt.Sprintf("%d %v %v", m.PID, m.Local, m.Remote)
		states := []string{"CLOSE", "SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSE"}
		syn := 1 // TCP counts the SYN of who connects, and a FIN, as a byte
		switch {
		case m.Refused:
			states = []string{"CLOSE", "SYN_SENT", "CLOSE"}
		case m.Accepted:
			states, syn = states[2:], 0 // who owns it is known once it is accepted
			wants("tcpaccept", "%s", flow)
			wants("tcptracer", "%s accept", flow)
			wants("bindsnoop", "%d %v TCP 0 0 0 0", m.PID, m.Local)
			wants("solisten", "%d %v TCP 0 1", m.PID, m.Local)
		default:
			wants("tcpconnlat", "%s", flow)
			wants("tcptracer", "%s connect", flow)
		}
		if !m.Accepted {
			wants("tcpconnect", "%d %v 0", m.PID, m.Remote)
		}
		if !m.Refused {
			wants("tcptracer", "%s close", flow)
			wants("tcplife", "%s %d %d", flow, m.Sent+syn+1, m.Received+1)
		}
		for i := range states[1:] {
			wants("tcpstates", "%d %v %s %s", m.PID, m.Remote, states[i], states[i+1])
		}
	}
	describe := map[string]func(r map[string]any) string{
		"tcplife": func(r map[string]any) string {
			took(t, r, "lasted")
			return fmt.Sprintf("%s %v %v", between(r), r["sent"], r["received"])
		},
		"tcpconnect": func(r map[string]any) string {
			if r["saddr"] != r["daddr"] { // both are loopback
				t.Errorf("the addresses of %v", r)
			}
			return fmt.Sprintf("%s %v", at(r, "daddr", "dport"), r["uid"])
		},
		"tcpconnlat": func(r map[string]any) string {
			took(t, r, "took")
			return between(r)
		},
		"tcpaccept": between,
		"tcpstates": func(r map[string]any) string {
			if r["new"] == "CLOSE" && number(r["sport"]) == 0 {
				t.Errorf("a closed socket's port is lost: %v", r)
			}
			return fmt.Sprintf("%s %v %v", at(r, "daddr", "dport"), r["old"], r["new"])
		},
		"tcptracer": func(r map[string]any) string { return fmt.Sprintf("%s %v", between(r), r["event"]) },
		"solisten": func(r map[string]any) string {
			return fmt.Sprintf("%s %v %v %v", at(r, "address", "port"), r["protocol"], r["result"], r["backlog"])
		},
		"bindsnoop": func(r map[string]any) string {
			return fmt.Sprintf("%s %v %v %v %v %v", at(r, "address", "port"), r["protocol"], r["result"], r["reuseaddr"], r["reuseport"], r["device"])
		},
	}
	for i, name := range names {
		if name == "tcpstates" {
			inOrder(t, &got[i])
		}
		same(t, name, got[i], callers(got[i], describe[name]), want[name])
	}
}

// inOrder wants each state of a socket to be the one before, and a time of each but the
// first. It leaves out sockets that listen.
func inOrder(t *testing.T, one *traced) {
	t.Helper()
	one.records = slices.DeleteFunc(one.records, func(r map[string]any) bool { return r["old"] == "LISTEN" || r["new"] == "LISTEN" })
	state := map[string]any{} // of each socket that has begun
	callers(*one, func(r map[string]any) string {
		socket := r["socket"].(string)
		old, begun := state[socket]
		if one.account.Missed == 0 && (begun && old != r["old"] || (number(r["lasted"]) == 0) != (r["old"] == "CLOSE")) {
			t.Errorf("the socket was in %v: %v", old, r)
		}
		state[socket] = r["new"]
		if r["new"] == "CLOSE" {
			delete(state, socket)
		}
		return ""
	})
}

// TestTCPConnectOver wants no connection that was answered within the deadline.
func TestTCPConnectOver(t *testing.T) {
	got, _ := connections(t, 3, map[string][]string{"over": {deadline.String()}}, "tcpconnlat")
	if n := len(got[0].records); n > 0 {
		t.Errorf("%d connections took longer than %v", n, deadline)
	}
}

// TestTCPTotals wants from tcprtt as many samples as the kernel counts segments that came
// for the sockets, and from tcptop each connection's bytes, without SYN and FIN. A report
// has 20 rows at most.
func TestTCPTotals(t *testing.T) {
	got, made := connections(t, 17, map[string][]string{"comm": {own("caller")}}, "tcprtt", "tcptop")
	segments, samples := 0, 0
	var want, list []string
	for _, m := range made {
		if !m.Refused {
			segments += int(m.Segments)
			want = append(want, fmt.Sprintf("%d %v %v %d %d", m.PID, m.Local, m.Remote, m.Sent, m.Received))
		}
	}
	if len(got[0].records) != 1 {
		t.Fatalf("the table is %v, want one row", got[0].records)
	}
	r := got[0].records[0]
	for _, bucket := range r["rtt"].([]any) {
		samples += number(bucket.(map[string]any)["count"])
	}
	if n := number(r["segments"]); n > segments || n+int(got[0].account.Missed) < segments || samples != n {
		t.Errorf("%d segments, %d times, want %d of both: %v", n, samples, segments, r)
	}
	if mean := fraction(r["average"]); mean <= 0 || mean >= float64(deadline) {
		t.Errorf("the mean is %v", time.Duration(mean))
	}

	sums := map[string][2]int{} // a connection may be in two reports
	for _, r := range got[1].records {
		one := fmt.Sprintf("%v %s", r["pid"], between(r))
		sum := sums[one]
		for i, column := range []string{"sent", "received"} {
			if r[column] != nil {
				sum[i] += number(r[column])
			}
		}
		sums[one] = sum
	}
	for one, sum := range sums {
		list = append(list, fmt.Sprintf("%s %d %d", one, sum[0], sum[1]))
	}
	compare(t, "tcptop", list, want)
}

// TestTCPSynBacklog wants the connections that waited when each of 33 came: 0 to 32. No
// other socket on this machine has a backlog of 37.
func TestTCPSynBacklog(t *testing.T) {
	got := trace(t, nil, func(ctx context.Context) error { return workload.Backlog(ctx, 37, 33) }, "tcpsynbl")
	var list []string
	for _, r := range got[0].records {
		if number(r["limit"]) == 37 {
			list = append(list, fmt.Sprint(r["arrived"], r["waiting"]))
		}
	}
	bucket := func(low, high, count int) string {
		return fmt.Sprintf("map[count:%d high:%d low:%d]", count, high, low)
	}
	compare(t, "tcpsynbl", list, []string{fmt.Sprint("33[", strings.Join([]string{
		bucket(0, 0, 1), bucket(1, 1, 1), bucket(2, 3, 2), bucket(4, 7, 4), bucket(8, 15, 8), bucket(16, 31, 16), bucket(32, 63, 1)}, " "), "]")})
}

// TestListenBindRefused wants what is refused, with options, and nothing of what is no IP
// socket.
func TestListenBindRefused(t *testing.T) {
	var first unix.SockaddrInet4
	calls := func(context.Context) error {
		return named(func() error {
			one, err := udp()
			if err != nil {
				return err
			}
			defer unix.Close(one)
			other, err := udp()
			if err != nil {
				return err
			}
			defer unix.Close(other)
			pipe := make([]int, 2)
			if err := errors.Join(unix.Pipe(pipe), unix.Bind(one, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})); err != nil {
				return err
			}
			defer unix.Close(pipe[0])
			defer unix.Close(pipe[1])
			name, err := unix.Getsockname(one)
			if err != nil {
				return err
			}
			first = *name.(*unix.SockaddrInet4)
			if err := unix.SetsockoptInt(other, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
				return err
			}
			for what, err := range map[error]error{
				unix.EADDRINUSE: unix.Bind(other, &first),
				unix.ENOTSOCK:   unix.Bind(pipe[0], &first),
				unix.EOPNOTSUPP: unix.Listen(one, 3),
				unix.EBADF:      unix.Listen(-1, 3),
			} {
				if err != what {
					return fmt.Errorf("got %v, want %v", err, what)
				}
			}
			return nil
		})
	}
	got := trace(t, nil, calls, "solisten")[0]
	same(t, "solisten", got, callers(got, func(r map[string]any) string {
		return fmt.Sprintf("%v %v %v %v", r["protocol"], r["port"], r["result"], r["backlog"])
	}), []string{fmt.Sprintf("%d UDP %d %d 3", os.Getpid(), first.Port, -int(unix.EOPNOTSUPP))})
	got = trace(t, map[string][]string{"errors": {"true"}}, calls, "bindsnoop")[0]
	same(t, "bindsnoop", got, callers(got, func(r map[string]any) string {
		return fmt.Sprintf("%v %v %v %v %v", r["protocol"], r["port"], r["result"], r["reuseaddr"], r["reuseport"])
	}), []string{
		fmt.Sprintf("%d UDP %d 0 0 0", os.Getpid(), first.Port),
		fmt.Sprintf("%d UDP %d %d 0 1", os.Getpid(), first.Port, -int(unix.EADDRINUSE)),
	})
}

func udp() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) }

// at is an address of a record, as netip.AddrPort writes it.
func at(r map[string]any, addr, port string) string {
	a, err := netip.ParseAddr(r[addr].(string))
	if err != nil {
		return err.Error()
	}
	return netip.AddrPortFrom(a, uint16(number(r[port]))).String()
}

// TestTCPTracerReset wants the addresses that a socket had before its RST.
func TestTCPTracerReset(t *testing.T) {
	var made *workload.Resets
	got := trace(t, map[string][]string{"pids": {strconv.Itoa(os.Getpid())}}, func(ctx context.Context) (err error) {
		made, err = workload.CloseWaitResets(ctx, 11, 0, deadline)
		return err
	}, "tcptracer")[0]
	var want, list []string
	ours := map[string]bool{}
	for _, m := range made.Soon {
		one := fmt.Sprintf("%v %v", m.Local, m.Remote)
		want, ours[one] = append(want, one), true
	}
	for _, r := range got.records {
		if one := between(r); r["event"] == "close" && ours[one] {
			list = append(list, one)
		}
	}
	same(t, "tcptracer", got, list, want)
}
