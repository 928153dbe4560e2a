// Package workload makes real kernel events in exact and unlikely numbers, for tests
// and for demonstrations.
//
// In goes what is wanted; out comes what the kernel did, counted by the kernel itself,
// so that a tracer's records can be compared one by one:
//
//	made, err := workload.Retransmits(ctx, workload.Options{Flows: []workload.Flow{
//		{Comm: "client", State: workload.CloseWait, IPv6: true, Retransmits: 3},
//	}})
//	// made[0]: pid of the process "client", its 4-tuple, 3 retransmits
//
// Whatever touches the network happens in a network namespace of its own, which ends
// with the workload. Processes of other names are this very program, started again:
// a main function or TestMain that uses the package starts with
//
//	if workload.Main() {
//		return
//	}
package workload

import (
	"context"
	"maps"
	"os"
	goruntime "runtime"
	"slices"
)

// childEnv marks a process as a workload's child; its value is the process's name.
const childEnv = "EBGEN_WORKLOAD_COMM"

// A child makes its events on the main thread, so that thread and process have one
// name and one number. Only init runs on the main thread for sure (package runtime).
func init() {
	if os.Getenv(childEnv) != "" {
		goruntime.LockOSThread()
	}
}

// Main does the work of a workload's child when this process is one, and reports
// whether it was: the caller then returns. It is to be called first in main and in
// TestMain, before anything that a tracer would see.
func Main() bool {
	comm := os.Getenv(childEnv)
	if comm == "" {
		return false
	}
	serve(comm, os.Stdin, os.Stdout)
	return true
}

// demos lists the catalogue's specs that can be demonstrated.
var demos = map[string]func(context.Context) error{
	"tcpretrans": demoRetransmits,
	"opensnoop":  demoOpens,
}

// Demo returns the workload that shows what the spec of a name sees: some seconds of
// events that touch nothing outside loopback and a temporary directory.
func Demo(name string) (func(context.Context) error, bool) {
	demo, ok := demos[name]
	return demo, ok
}

// Demos lists the names that Demo knows, sorted.
func Demos() []string { return slices.Sorted(maps.Keys(demos)) }

// demoRetransmits has one flow for each way in which a socket comes to retransmit.
func demoRetransmits(ctx context.Context) error {
	flows := []Flow{
		{Comm: "client", State: Established, Retransmits: 2},
		{Comm: "client", State: Established, Retransmits: 2, IPv6: true},
		{Comm: "server", State: Established, Retransmits: 1, Accepted: true},
		{Comm: "server", State: CloseWait, Retransmits: 2, Accepted: true, IPv6: true},
		{Comm: "half-closed", State: CloseWait, Retransmits: 1},
		{Comm: "unanswered", State: SynSent, Retransmits: 1},
		{Comm: "closed-early", State: FinWait1, Retransmits: 1, Leave: Close},
		{Comm: "exited-early", State: LastAck, Retransmits: 1, Leave: Exit},
	}
	if !haveIPv6() {
		flows = slices.DeleteFunc(flows, func(f Flow) bool { return f.IPv6 })
	}
	_, err := Retransmits(ctx, Options{Flows: flows})
	return err
}

func demoOpens(ctx context.Context) error {
	_, err := Opens(ctx, "opener", 37)
	return err
}
