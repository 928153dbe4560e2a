package workload

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropper is a socket filter that drops the next so many segments of each socket told
// to it and lets all later ones through. The kernel counts, so the number is exact
// however slow this process is. A classic filter that is attached and taken away in
// time is not: on a guest under emulation some timers were always faster.
//
// TCP runs the filter in tcp_filter (net/ipv4/tcp_ipv4.c) before it looks at a segment,
// for a listening socket too, and runs it as the socket (sk_filter_trim_cap,
// net/core/filter.c), whose cookie is then the key.
type dropper struct {
	table   int // BPF hash map: socket cookie (u64) → segments still to drop (u32)
	program int
}

// newDropper loads the filter, with room for so many sockets. It needs CAP_BPF or
// CAP_SYS_ADMIN. One map and one program for all: before Linux 5.11 both are locked
// memory, of which RLIMIT_MEMLOCK may allow 64 KiB.
func newDropper(sockets int) (*dropper, error) {
	table, err := bpf(unix.BPF_MAP_CREATE, &struct{ kind, keySize, valueSize, entries uint32 }{
		unix.BPF_MAP_TYPE_HASH, 8, 4, uint32(max(sockets, 1))})
	if err != nil {
		return nil, fmt.Errorf("make a map of segments to drop: %w", err)
	}
	code := dropCode(table)
	program, err := bpf(unix.BPF_PROG_LOAD, &struct {
		kind, count uint32
		code        unsafe.Pointer
		licence     unsafe.Pointer
	}{unix.BPF_PROG_TYPE_SOCKET_FILTER, uint32(len(code)), unsafe.Pointer(&code[0]), unsafe.Pointer(&[]byte("MIT\x00")[0])})
	if err != nil {
		_ = unix.Close(table)
		return nil, fmt.Errorf("load a filter that drops segments: %w", err)
	}
	return &dropper{table, program}, nil
}

// drop makes the kernel drop the next n segments that arrive for s.
func (d *dropper) drop(s socket, n int) error {
	cookie, err := unix.GetsockoptUint64(int(s), unix.SOL_SOCKET, unix.SO_COOKIE)
	if err != nil {
		return fmt.Errorf("SO_COOKIE: %w", err)
	}
	left := uint32(n)
	_, err = bpf(unix.BPF_MAP_UPDATE_ELEM, &struct {
		table      uint32
		_          uint32
		key, value unsafe.Pointer
		flags      uint64
	}{table: uint32(d.table), key: unsafe.Pointer(&cookie), value: unsafe.Pointer(&left)})
	if err != nil {
		return fmt.Errorf("set how many segments to drop: %w", err)
	}
	if err := unix.SetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_ATTACH_BPF, d.program); err != nil {
		return fmt.Errorf("SO_ATTACH_BPF: %w", err)
	}
	return nil
}

// close lets go of the filter; sockets that have it keep it.
func (d *dropper) close() {
	_ = unix.Close(d.program)
	_ = unix.Close(d.table)
}

// bpf makes a bpf(2) call. The attributes are the start of union bpf_attr
// (include/uapi/linux/bpf.h) up to what the command needs; a pointer in them is 64 bits.
func bpf[T any](command uintptr, attr *T) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// instruction is struct bpf_insn; its registers are two bit fields of one byte.
type instruction struct {
	code      uint8
	registers uint8
	offset    int16
	immediate int32
}

// on gives an instruction its registers: bit fields start at the low end of a byte on
// a little-endian machine, at the high end on the others.
func (i instruction) on(dst, src uint8) instruction {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		i.registers = dst | src<<4
	} else {
		i.registers = dst<<4 | src
	}
	return i
}

// Helpers by number (enum bpf_func_id, include/uapi/linux/bpf.h).
const (
	mapLookup    = 1
	socketCookie = 46 // Linux 4.12
)

// dropCode is, in C:
//
//	u64 key = bpf_get_socket_cookie(skb);
//	u32 *left = bpf_map_lookup_elem(&table, &key);
//
//	if (left && *left) {
//		*left -= 1;
//		return 0;	/* keep no byte of it */
//	}
//	return -1;		/* keep all */
//
// One segment is on its way at a time, so the count needs no atomic step.
func dropCode(table int) []instruction {
	const frame = 10 // r10, the end of the stack
	call := func(helper int32) instruction {
		return instruction{code: unix.BPF_JMP | unix.BPF_CALL, immediate: helper}
	}
	return []instruction{
		call(socketCookie),
		instruction{code: unix.BPF_STX | unix.BPF_MEM | unix.BPF_DW, offset: -8}.on(frame, 0),
		instruction{code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X}.on(2, frame),
		instruction{code: unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K, immediate: -8}.on(2, 0),
		instruction{code: unix.BPF_LD | unix.BPF_IMM | unix.BPF_DW, immediate: int32(table)}.on(1, unix.BPF_PSEUDO_MAP_FD),
		{}, // the upper half of the instruction before
		call(mapLookup),
		instruction{code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, offset: 6}.on(0, 0), // no entry
		instruction{code: unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W}.on(1, 0),
		instruction{code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, offset: 4}.on(1, 0), // none left
		instruction{code: unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K, immediate: -1}.on(1, 0),
		instruction{code: unix.BPF_STX | unix.BPF_MEM | unix.BPF_W}.on(0, 1),
		instruction{code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K}.on(0, 0),
		{code: unix.BPF_JMP | unix.BPF_EXIT},
		instruction{code: unix.BPF_ALU | unix.BPF_MOV | unix.BPF_K, immediate: -1}.on(0, 0),
		{code: unix.BPF_JMP | unix.BPF_EXIT},
	}
}
