package gen

import "github.com/cilium/ebpf/asm"

// observingKfuncs are the kernel functions a tracer may call.
var observingKfuncs = map[string]bool{
	"bpf_rdonly_cast": true, // Linux 6.2: a pointer seen as a read-only struct
}

// observingHelpers are the helpers a tracer may call: they read, or write only what is
// the tracer's own (its stack, its maps, its buffers). bpf-helpers(7) describes each.
// What is missing changes a process (probe_write_user, send_signal), a result
// (override_return, set_retval), a packet, a socket or the system (sys_bpf), writes where
// others read (trace_printk), or hands out kernel memory that could be written before
// Linux 5.17 (per_cpu_ptr and this_cpu_ptr, commit 34d3a78c775e).
var observingHelpers = map[asm.BuiltinFunc]bool{
	// The tracer's own maps.
	asm.FnMapLookupElem:       true,
	asm.FnMapLookupPercpuElem: true,
	asm.FnMapUpdateElem:       true,
	asm.FnMapDeleteElem:       true,
	asm.FnMapPushElem:         true,
	asm.FnMapPopElem:          true,
	asm.FnMapPeekElem:         true,
	asm.FnForEachMapElem:      true,

	// Records on their way out.
	asm.FnPerfEventOutput:      true,
	asm.FnRingbufOutput:        true,
	asm.FnRingbufReserve:       true,
	asm.FnRingbufSubmit:        true,
	asm.FnRingbufDiscard:       true,
	asm.FnRingbufQuery:         true,
	asm.FnRingbufReserveDynptr: true,
	asm.FnRingbufSubmitDynptr:  true,
	asm.FnRingbufDiscardDynptr: true,
	asm.FnSeqPrintf:            true,
	asm.FnSeqPrintfBtf:         true,
	asm.FnSeqWrite:             true,

	// Memory.
	asm.FnProbeRead:          true,
	asm.FnProbeReadStr:       true,
	asm.FnProbeReadKernel:    true,
	asm.FnProbeReadKernelStr: true,
	asm.FnProbeReadUser:      true,
	asm.FnProbeReadUserStr:   true,
	asm.FnCopyFromUser:       true,
	asm.FnCopyFromUserTask:   true,
	asm.FnDynptrFromMem:      true,
	asm.FnDynptrRead:         true,
	asm.FnDynptrWrite:        true, // to the tracer's own memory: a kernel one is read-only
	asm.FnDynptrData:         true,

	// The running task.
	asm.FnGetCurrentPidTgid:          true,
	asm.FnGetCurrentUidGid:           true,
	asm.FnGetCurrentComm:             true,
	asm.FnGetCurrentTask:             true,
	asm.FnGetCurrentTaskBtf:          true,
	asm.FnGetCurrentCgroupId:         true,
	asm.FnGetCurrentAncestorCgroupId: true,
	asm.FnGetNsCurrentPidTgid:        true,
	asm.FnTaskPtRegs:                 true,

	// The probe.
	asm.FnGetAttachCookie:    true,
	asm.FnGetFuncIp:          true,
	asm.FnGetFuncArg:         true,
	asm.FnGetFuncArgCnt:      true,
	asm.FnGetFuncRet:         true,
	asm.FnGetStackid:         true,
	asm.FnGetStack:           true,
	asm.FnGetTaskStack:       true,
	asm.FnGetBranchSnapshot:  true,
	asm.FnReadBranchRecords:  true,
	asm.FnPerfEventRead:      true,
	asm.FnPerfEventReadValue: true,
	asm.FnPerfProgReadValue:  true,
	asm.FnGetSmpProcessorId:  true,
	asm.FnGetNumaNodeId:      true,
	asm.FnGetPrandomU32:      true,

	// Clocks.
	asm.FnKtimeGetNs:       true,
	asm.FnKtimeGetBootNs:   true,
	asm.FnKtimeGetCoarseNs: true,
	asm.FnKtimeGetTaiNs:    true,
	asm.FnJiffies64:        true,

	// Sockets and files.
	asm.FnGetSocketCookie:      true,
	asm.FnGetNetnsCookie:       true,
	asm.FnSkcToTcpSock:         true,
	asm.FnSkcToTcp6Sock:        true,
	asm.FnSkcToTcpTimewaitSock: true,
	asm.FnSkcToTcpRequestSock:  true,
	asm.FnSkcToUdp6Sock:        true,
	asm.FnSkcToUnixSock:        true,
	asm.FnSkcToMptcpSock:       true,
	asm.FnSockFromFile:         true,
	asm.FnDPath:                true,

	// Text and loops.
	asm.FnSnprintf:    true,
	asm.FnSnprintfBtf: true,
	asm.FnStrncmp:     true,
	asm.FnLoop:        true,
}
