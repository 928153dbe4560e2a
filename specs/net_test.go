package specs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/specs/workload"
)

// flows has each way in which a socket comes to retransmit.
var flows = []workload.Flow{
	{Comm: "client", State: workload.Established, Retransmits: 2},
	{Comm: "client6", State: workload.Established, Retransmits: 2, IPv6: true},
	{Comm: "server", State: workload.Established, Retransmits: 1, Accepted: true},
	{Comm: "server6", State: workload.CloseWait, Retransmits: 2, Accepted: true, IPv6: true},
	{Comm: "half-closed", State: workload.CloseWait, Retransmits: 1},
	{Comm: "closed-early", State: workload.FinWait1, Retransmits: 1, Leave: workload.Close},
	{Comm: "exited-early", State: workload.LastAck, Retransmits: 1, Leave: workload.Exit},
}

// lines describes what was made as a tracer should: one line for each retransmit.
func lines(made []workload.Made) []string {
	var list []string
	for _, m := range made {
		for range m.Retransmits {
			list = append(list, fmt.Sprintf("%d %s %v %v %s", m.PID, m.Comm, m.Local, m.Remote, strings.TrimPrefix(m.State.String(), "TCP_")))
		}
	}
	slices.Sort(list)
	return list
}

// shown describes the records of a tcpretrans in the same way. Other tests may make
// retransmits on this machine meanwhile: a record is left out when neither its flow nor
// its owner is of what was made here.
func shown(t *testing.T, one traced, made []workload.Made) []string {
	t.Helper()
	ours := map[string]bool{}
	for _, m := range made {
		ours[m.Local.String()], ours[fmt.Sprint(m.PID)] = true, true
	}
	var list []string
	for _, r := range one.records {
		owner, _ := r["owner"].(map[string]any)
		flow, _ := r["flow"].(map[string]any)
		if flow == nil {
			t.Errorf("a record without a flow: %v", r)
			continue
		}
		local, remote := ends(flow)
		line := fmt.Sprintf("%v %v %s %s %s", owner["pid"], owner["comm"], local, remote, r["state"])
		if ours[local] || ours[fmt.Sprint(owner["pid"])] {
			list = append(list, line)
		}
	}
	slices.Sort(list)
	return list
}

// ends are the two addresses of a flow, as netip.AddrPort writes them.
func ends(flow map[string]any) (local, remote string) {
	at := func(addr, port string) string {
		a := flow[addr].(string)
		if strings.Contains(a, ":") {
			a = "[" + a + "]"
		}
		return fmt.Sprintf("%s:%s", a, flow[port])
	}
	return at("saddr", "sport"), at("daddr", "dport")
}

// compare fails the test for each line that is missing and each that is too many.
func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, l := range beyond(want, got) {
		t.Errorf("%s: missing: %s", what, l)
	}
	for _, l := range beyond(got, want) {
		t.Errorf("%s: too many: %s", what, l)
	}
}

// beyond returns what a list has more than another one, sorted.
func beyond(list, other []string) (more []string) {
	count := map[string]int{}
	for _, l := range other {
		count[l]++
	}
	for _, l := range slices.Sorted(slices.Values(list)) {
		if count[l]--; count[l] < 0 {
			more = append(more, l)
		}
	}
	return more
}

// TestTCPRetrans wants one record for each segment that the kernel counts in
// RetransSegs, with the right owner, flow and state.
func TestTCPRetrans(t *testing.T) {
	repeated(t, func() []comparison {
		return retransmits(t, workload.Options{Flows: flows}, "tcpretrans")
	})
}

// retransmits traces by several tracers at once what is made.
func retransmits(t *testing.T, o workload.Options, names ...string) (all []comparison) {
	t.Helper()
	var made []workload.Made
	got := trace(t, nil, func(ctx context.Context) (err error) {
		made, err = workload.Retransmits(ctx, o)
		return err
	}, names...)
	for i, name := range names {
		all = append(all, comparison{name, shown(t, got[i], made), lines(made)})
	}
	return all
}

// TestTCPRetransOlderSockets starts the tracer when the sockets are open already.
func TestTCPRetransOlderSockets(t *testing.T) {
	repeated(t, func() []comparison { return olderRetransmits(t) })
}

func olderRetransmits(t *testing.T) []comparison {
	t.Helper()
	ready, begin := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	var made []workload.Made
	go func() {
		var err error
		made, err = workload.Retransmits(t.Context(), workload.Options{Flows: flows, Opened: func([]workload.Made) error {
			close(ready)
			<-begin
			return nil
		}})
		result <- err
	}()
	select {
	case <-ready:
	case err := <-result:
		t.Skipf("the workload: %v", err)
	}
	start := func() { close(begin) }
	defer func() {
		select {
		case <-begin:
		default:
			close(begin) // a tracer that did not start leaves the workload to end
		}
	}()
	got := trace(t, nil, func(ctx context.Context) error {
		start()
		return <-result
	}, "tcpretrans")
	return []comparison{{"tcpretrans", shown(t, got[0], made), lines(made)}}
}

// TestTCPRetransParams filters by owner in the kernel.
func TestTCPRetransParams(t *testing.T) {
	var made []workload.Made
	got := trace(t, map[string][]string{"pids": {"1", "2"}}, func(ctx context.Context) (err error) {
		made, err = workload.Retransmits(ctx, workload.Options{Flows: flows[:1]})
		return err
	}, "tcpretrans")
	if n := len(got[0].records); n != 0 || len(made) != 1 {
		t.Errorf("%d records of sockets that processes 1 and 2 opened", n)
	}
}

// TestRetransmitAttachments wants the same records from the tracepoint, from fentry and
// from a kprobe. Without loss probes every retransmit passes through the function.
func TestRetransmitAttachments(t *testing.T) {
	repeated(t, func() []comparison {
		return retransmits(t, workload.Options{Flows: flows, NoLossProbes: true},
			"tcpretrans", "retransmit_fentry", "retransmit_kprobe", "retransmit_function")
	})
}

// TestAddresses compares addresses with constant ones.
func TestAddresses(t *testing.T) {
	repeated(t, func() []comparison {
		var made []workload.Made
		got := trace(t, nil, func(ctx context.Context) (err error) {
			made, err = workload.Retransmits(ctx, workload.Options{Flows: flows[:2]})
			return err
		}, "retransmit_local")
		for _, r := range got[0].records {
			six := strings.Contains(r["flow"].(map[string]any)["saddr"].(string), ":")
			if r["four"] != !six || r["six"] != six {
				t.Errorf("IPv6 is %v: %v", six, r)
			}
		}
		return []comparison{{"retransmit_local", shown(t, got[0], made), lines(made)}}
	})
}

// TestTCPDrop wants each segment that a socket's filter drops, with where it came from and
// where it was to go. What the kernel drops when the sockets are closed is a FIN too many.
func TestTCPDrop(t *testing.T) {
	var made []workload.Made
	got := trace(t, nil, func(ctx context.Context) (err error) {
		made, err = workload.Retransmits(ctx, workload.Options{Flows: flows})
		return err
	}, "tcpdrop")
	var want, dropped []string
	sent := map[string]workload.Made{}
	for _, m := range made {
		sent[m.Local.String()] = m
		for range m.Retransmits {
			want = append(want, fmt.Sprintf("%v %v", m.Local, m.Remote))
		}
	}
	for _, r := range got[0].records {
		flow, _ := r["flow"].(map[string]any)
		if flow == nil {
			t.Errorf("a record without a flow: %v", r)
			continue
		}
		from, to := ends(flow)
		m, ours := sent[from]
		ended := m.State == workload.FinWait1 || m.State == workload.LastAck
		if flags := r["flags"].(string); !ours || strings.Contains(flags, "FIN") != ended || !strings.Contains(flags, "ACK") {
			continue
		}
		dropped = append(dropped, from+" "+to)
		if reason, told := r["reason"].(string); told && reason != "SOCKET_FILTER" {
			t.Errorf("%s: dropped for %s", from, reason)
		}
		receives := func(f any) bool {
			name, _ := f.(map[string]any)["name"].(string)
			return name == "tcp_v4_rcv" || name == "tcp_v6_rcv"
		}
		if stack, _ := r["kernel"].([]any); !slices.ContainsFunc(stack, receives) {
			t.Errorf("%s: dropped in %v", from, r["kernel"])
		}
	}
	compare(t, "tcpdrop", dropped, want)
}

// TestPackets wants the two ends of each packet as its headers tell them: with options of IP
// and headers in between, in fragments, and of protocols without ports.
func TestPackets(t *testing.T) {
	var made []workload.Packet
	got := trace(t, nil, func(ctx context.Context) (err error) {
		made, err = workload.Packets(ctx)
		return err
	}, "packets")[0]
	var want, sent []string
	for _, p := range made {
		want = append(want, fmt.Sprintf("%v %v", p.From, p.To))
	}
	for _, r := range got.records {
		from, to := ends(r["flow"].(map[string]any))
		sent = append(sent, from+" "+to)
		if r["to"] != r["flow"].(map[string]any)["daddr"] {
			t.Errorf("by itself the address is %v: %v", r["to"], r)
		}
	}
	compare(t, "packets", sent, want)
}
