package workload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// flows is one of each kind, each with its own process; 37 retransmits over all.
var flows = []Flow{
	{Comm: "connect4", State: Established, Retransmits: 3},
	{Comm: "connect6", State: Established, Retransmits: 3, IPv6: true},
	{Comm: "accept4", State: Established, Retransmits: 3, Accepted: true},
	{Comm: "accept6", State: Established, Retransmits: 3, Accepted: true, IPv6: true},
	{Comm: "half4", State: CloseWait, Retransmits: 3},
	{Comm: "half6", State: CloseWait, Retransmits: 3, IPv6: true},
	{Comm: "half-accept", State: CloseWait, Retransmits: 2, Accepted: true},
	{Comm: "syn4", State: SynSent, Retransmits: 2},
	{Comm: "syn6", State: SynSent, Retransmits: 2, IPv6: true},
	{Comm: "fin-kept", State: FinWait1, Retransmits: 2},
	{Comm: "fin-closed", State: FinWait1, Retransmits: 2, Leave: Close, IPv6: true},
	{Comm: "fin-exited", State: FinWait1, Retransmits: 2, Leave: Exit, Accepted: true},
	{Comm: "last-kept", State: LastAck, Retransmits: 2},
	{Comm: "last-closed", State: LastAck, Retransmits: 3, Leave: Close},
	{Comm: "last-exited", State: LastAck, Retransmits: 2, Leave: Exit, IPv6: true},
}

// row is what the kernel's table of sockets says of one.
type row struct {
	state       State
	retransmits uint64 // of what is on its way now, by timer
	inode       string // "0" for a socket that no process has
}

// table reads /proc/net/tcp and tcp6 of the namespace (net/ipv4/tcp_ipv4.c,
// get_tcp4_sock); the keys are as hex makes them.
func (n *network) table(t *testing.T) map[string]row {
	t.Helper()
	rows := map[string]row{}
	err := n.do(func() error {
		for _, file := range []string{"tcp", "tcp6"} {
			text, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(text)) {
				words := strings.Fields(line)
				if words[0] == "sl" {
					continue
				}
				state, err := strconv.ParseUint(words[3], 16, 8)
				if err != nil {
					return err
				}
				retransmits, err := strconv.ParseUint(words[6], 16, 32)
				if err != nil {
					return err
				}
				rows[words[1]+" "+words[2]] = row{State(state), retransmits, words[9]}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return rows
}

// hex writes an address as /proc/net/tcp does: 32 bits at a time as the machine reads
// them, and the port.
func hex(a netip.AddrPort) string {
	var b strings.Builder
	for part := range slices.Chunk(a.Addr().AsSlice(), 4) {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(part))
	}
	return fmt.Sprintf("%s:%04X", b.String(), a.Port())
}

func key(m *Made) string { return hex(m.Local) + " " + hex(m.Remote) }

// holds reports whether a process has a socket open.
func holds(t *testing.T, pid int, inode string) bool {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(links, func(link string) bool {
		to, err := os.Readlink(link)
		return err == nil && to == "socket:["+inode+"]"
	})
}

// Each flow has its addresses, its owner and its state while it retransmits, in the
// kernel's own words.
func TestRetransmits(t *testing.T) {
	n := needNetwork(t)
	if !haveIPv6() {
		t.Skip("this kernel has no IPv6")
	}
	seen := map[string]map[row]bool{} // sockets that were retransmitting
	watching, stop := context.WithCancel(bounded(t))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	opened := func(made []Made) error {
		rows := n.table(t)
		for i, m := range made {
			comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", m.PID))
			if err != nil || string(comm) != m.Comm+"\n" || m.Comm != flows[i].Comm {
				t.Errorf("process %d is %q, want %s (%v)", m.PID, comm, flows[i].Comm, err)
			}
			if m.State == SynSent {
				if m.Local.IsValid() {
					t.Errorf("%s is opened too early", m.Comm)
				}
				continue
			}
			if m.Local.Addr().Is6() != m.IPv6 || m.Local.Addr() != m.Remote.Addr() {
				t.Errorf("%s is %s → %s", m.Comm, m.Local, m.Remote)
			}
			want := Established
			if ways[m.State].halfClosed {
				want = CloseWait
			}
			got, ok := rows[key(&m)]
			if !ok || got.state != want || got.retransmits != 0 || !holds(t, m.PID, got.inode) {
				t.Errorf("%s is %+v before anything is sent, want %s and the process to hold it", m.Comm, got, want)
			}
		}
		watch.Go(func() {
			for watching.Err() == nil {
				for key, r := range n.table(t) {
					if r.retransmits == 0 {
						continue
					}
					r.retransmits = 0
					if seen[key] == nil {
						seen[key] = map[row]bool{}
					}
					seen[key][r] = true
				}
			}
		})
		return nil
	}
	before, err := n.retransSegs()
	if err != nil {
		t.Fatal(err)
	}
	// Only a timer's attempts are in the table.
	made, err := n.retransmits(bounded(t), Options{Flows: flows, Opened: opened, NoLossProbes: true})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	watch.Wait()
	after, err := n.retransSegs()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i, m := range made {
		want := Made{Flow: flows[i], PID: m.PID, Local: m.Local, Remote: m.Remote}
		if m != want {
			t.Errorf("made %+v, want %+v", m, want)
		}
		sum += m.Retransmits
		states := seen[key(&m)]
		delete(seen, key(&m))
		if len(states) != 1 {
			t.Errorf("%s was retransmitting as %v, want one state", m.Comm, states)
			continue
		}
		for r := range states {
			if orphan := r.inode == "0"; r.state != m.State || orphan != (m.Leave != Keep) {
				t.Errorf("%s was retransmitting in %s, inode %s; want %s, leave %q", m.Comm, r.state, r.inode, m.State, m.Leave)
			}
		}
	}
	if len(seen) != 0 {
		t.Errorf("others were retransmitting: %v", seen)
	}
	if sum != 37 || after-before != 37 {
		t.Errorf("%d retransmits made, %d counted, want 37", sum, after-before)
	}
}

// 101 retransmits by way of many flows of few processes, tail loss probes among them.
func TestManyFlows(t *testing.T) {
	needNetwork(t)
	var o Options
	for i := range 101 {
		o.Flows = append(o.Flows, Flow{Comm: []string{"client", "server"}[i%2], State: Established, Accepted: i%2 == 1, Retransmits: 1})
	}
	made, err := Retransmits(bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	pids := map[int]int{}
	for _, m := range made {
		if m.Retransmits != 1 {
			t.Errorf("%s → %s has %d retransmits, want 1", m.Local, m.Remote, m.Retransmits)
		}
		pids[m.PID]++
	}
	if len(made) != 101 || len(pids) != 2 || pids[made[0].PID] != 51 {
		t.Errorf("%d flows of processes %v, want 51 and 50", len(made), pids)
	}
}

func TestOpenedFails(t *testing.T) {
	needNetwork(t)
	want := errors.New("no tracer")
	_, err := Retransmits(bounded(t), Options{Flows: flows[:1], Opened: func([]Made) error { return want }})
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}

func TestRetransmitsCancelled(t *testing.T) {
	needNetwork(t)
	ctx, cancel := context.WithCancel(bounded(t))
	_, err := Retransmits(ctx, Options{Flows: flows, Opened: func([]Made) error { cancel(); return nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestNoSuchFlow(t *testing.T) {
	for _, test := range []struct {
		flows []Flow
		want  string
	}{
		{[]Flow{{Comm: "a", Retransmits: 1}}, "flow 0: a socket in TCP state 0 sends nothing again"},
		{[]Flow{{Comm: "a", State: finWait2, Retransmits: 1}}, "flow 0: a socket in TCP_FIN_WAIT2 sends nothing again"},
		{[]Flow{{Comm: "a", State: Established}}, "flow 0: 0 retransmits are wanted, one is the least"},
		{[]Flow{{Comm: "a", State: CloseWait, Retransmits: 1, Leave: Close}}, "flow 0: a socket that its process closes does not stay in TCP_CLOSE_WAIT"},
		{[]Flow{{Comm: "a", State: LastAck, Retransmits: 1, Leave: "run"}}, `flow 0: a process cannot leave a socket by "run"`},
		{[]Flow{{Comm: "a", State: SynSent, Retransmits: 1, Accepted: true}}, "flow 0: a socket in TCP_SYN_SENT is not accepted"},
		{[]Flow{flows[0], {Comm: "connect4", State: FinWait1, Retransmits: 1, Leave: Exit}}, "flow 1: process connect4 exits and has other flows"},
	} {
		if _, err := Retransmits(t.Context(), Options{Flows: test.flows}); err == nil || err.Error() != test.want {
			t.Errorf("error is %v, want %s", err, test.want)
		}
	}
}

func TestCounter(t *testing.T) {
	const snmp = "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: RtoAlgorithm MaxConn RetransSegs\nTcp: 1 -1 37\nTcpExt: RetransSegs\nTcpExt: 101\n"
	for _, test := range []struct {
		text, protocol, name string
		want                 uint64
		ok                   bool
	}{
		{snmp, "Tcp:", "RetransSegs", 37, true},
		{snmp, "TcpExt:", "RetransSegs", 101, true},
		{snmp, "Ip:", "DefaultTTL", 64, true},
		{snmp, "Tcp:", "MaxConn", 0, false}, // no count
		{snmp, "Tcp:", "InSegs", 0, false},
		{snmp, "Udp:", "InDatagrams", 0, false},
		{"Tcp: A B\nTcp: 1\n", "Tcp:", "B", 0, false},
		{"", "Tcp:", "A", 0, false},
	} {
		got, err := counter(test.text, test.protocol, test.name)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%s %s is %d, %v; want %d", test.protocol, test.name, got, err, test.want)
		}
	}
}
