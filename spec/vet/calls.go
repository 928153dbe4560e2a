package vet

import "github.com/cilium/ebpf/asm"

// observingKfuncs are the kernel functions a tracer may call.
var observingKfuncs = map[string]bool{
	"bpf_rdonly_cast": true, // Linux 6.2: a pointer seen as a read-only struct
}

// written has a bit for each argument through which a helper writes memory: bit 0 for the
// first one.
type written uint8

// The arguments that helpers write through.
const (
	nothing written = 0
	first   written = 1 << iota >> 1
	second
	third
	fourth
)

// observingHelpers are the helpers a tracer may call, and what they write: they read, or
// write only what is the tracer's own (its stack, its maps, its buffers). bpf-helpers(7)
// describes each. What is missing changes a process (probe_write_user, send_signal), a
// result (override_return, set_retval), a packet, a socket or the system (sys_bpf), writes
// where others read (trace_printk), or hands out kernel memory that could be written before
// Linux 5.17 (per_cpu_ptr and this_cpu_ptr, commit 34d3a78c775e). Those that call a function
// back are missing too (loop, for_each_map_elem, user_ringbuf_drain, timers): the verifier
// looks at one round and not at how many there are, so that two of them, one in the other,
// would hold a CPU for as long as they like.
var observingHelpers = map[asm.BuiltinFunc]written{
	// The tracer's own maps.
	asm.FnMapLookupElem:       nothing,
	asm.FnMapLookupPercpuElem: nothing,
	asm.FnMapUpdateElem:       nothing,
	asm.FnMapDeleteElem:       nothing,
	asm.FnMapPushElem:         nothing,
	asm.FnMapPopElem:          second,
	asm.FnMapPeekElem:         second,

	// Records on their way out.
	asm.FnPerfEventOutput:      nothing,
	asm.FnRingbufOutput:        nothing,
	asm.FnRingbufReserve:       nothing,
	asm.FnRingbufSubmit:        nothing,
	asm.FnRingbufDiscard:       nothing,
	asm.FnRingbufQuery:         nothing,
	asm.FnRingbufReserveDynptr: fourth,
	asm.FnRingbufSubmitDynptr:  nothing,
	asm.FnRingbufDiscardDynptr: nothing,
	asm.FnSeqPrintf:            nothing,
	asm.FnSeqPrintfBtf:         nothing,
	asm.FnSeqWrite:             nothing,

	// Memory.
	asm.FnProbeRead:          first,
	asm.FnProbeReadStr:       first,
	asm.FnProbeReadKernel:    first,
	asm.FnProbeReadKernelStr: first,
	asm.FnProbeReadUser:      first,
	asm.FnProbeReadUserStr:   first,
	asm.FnCopyFromUser:       first,
	asm.FnCopyFromUserTask:   first,
	asm.FnDynptrFromMem:      first | fourth,
	asm.FnDynptrRead:         first,
	asm.FnDynptrWrite:        nothing, // to the tracer's own memory: a kernel one is read-only
	asm.FnDynptrData:         nothing,

	// The running task.
	asm.FnGetCurrentPidTgid:          nothing,
	asm.FnGetCurrentUidGid:           nothing,
	asm.FnGetCurrentComm:             first,
	asm.FnGetCurrentTask:             nothing,
	asm.FnGetCurrentTaskBtf:          nothing,
	asm.FnGetCurrentCgroupId:         nothing,
	asm.FnGetCurrentAncestorCgroupId: nothing,
	asm.FnGetNsCurrentPidTgid:        third,
	asm.FnTaskPtRegs:                 nothing,

	// The probe.
	asm.FnGetAttachCookie:    nothing,
	asm.FnGetFuncIp:          nothing,
	asm.FnGetFuncArg:         third,
	asm.FnGetFuncArgCnt:      nothing,
	asm.FnGetFuncRet:         second,
	asm.FnGetStackid:         nothing,
	asm.FnGetStack:           second,
	asm.FnGetTaskStack:       second,
	asm.FnGetBranchSnapshot:  first,
	asm.FnReadBranchRecords:  second,
	asm.FnPerfEventRead:      nothing,
	asm.FnPerfEventReadValue: third,
	asm.FnPerfProgReadValue:  second,
	asm.FnGetSmpProcessorId:  nothing,
	asm.FnGetNumaNodeId:      nothing,
	asm.FnGetPrandomU32:      nothing,

	// Clocks.
	asm.FnKtimeGetNs:       nothing,
	asm.FnKtimeGetBootNs:   nothing,
	asm.FnKtimeGetCoarseNs: nothing,
	asm.FnKtimeGetTaiNs:    nothing,
	asm.FnJiffies64:        nothing,

	// Sockets and files.
	asm.FnGetSocketCookie:      nothing,
	asm.FnGetNetnsCookie:       nothing,
	asm.FnSkcToTcpSock:         nothing,
	asm.FnSkcToTcp6Sock:        nothing,
	asm.FnSkcToTcpTimewaitSock: nothing,
	asm.FnSkcToTcpRequestSock:  nothing,
	asm.FnSkcToUdp6Sock:        nothing,
	asm.FnSkcToUnixSock:        nothing,
	asm.FnSkcToMptcpSock:       nothing,
	asm.FnSockFromFile:         nothing,
	asm.FnDPath:                second,

	// Text.
	asm.FnSnprintf:    first,
	asm.FnSnprintfBtf: first,
	asm.FnStrncmp:     nothing,
}
