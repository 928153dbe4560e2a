package decode

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// errno writes a negative number for people by its name, -ENOENT, and any other as it
// is: a return value is often a count or an error. For programs it stays the number.
func errno(_ *Decoder, c cell) form {
	f := form{width: len("-ENOENT"), right: true}.asNumber(c.appendDecimal)
	f.text = func(dst, rec []byte) []byte {
		if name := errnoName(-c.signed(rec)); name != "" {
			return append(append(dst, '-'), name...)
		}
		return c.appendDecimal(dst, rec)
	}
	// A negative errno in an unsigned field is one for programs, too.
	f.raw = func(dst, rec []byte) []byte {
		if v := c.signed(rec); errnoName(-v) != "" {
			return strconv.AppendInt(dst, v, 10)
		}
		return c.appendDecimal(dst, rec)
	}
	f.json = f.raw
	return f
}

// maxErrno is the largest error that a pointer or a return value can carry
// (include/linux/err.h).
const maxErrno = 4095

func errnoName(n int64) string {
	if n < 1 || n > maxErrno {
		return ""
	}
	if name := unix.ErrnoName(syscall.Errno(n)); name != "" {
		return name
	}
	return kernelErrno[n]
}

// kernelErrno are the errors that no process is to see but a probe may
// (include/linux/errno.h).
var kernelErrno = map[int64]string{
	512: "ERESTARTSYS",
	513: "ERESTARTNOINTR",
	514: "ERESTARTNOHAND",
	515: "ENOIOCTLCMD",
	516: "ERESTART_RESTARTBLOCK",
	517: "EPROBE_DEFER",
	518: "EOPENSTALE",
	519: "ENOPARAM",
	521: "EBADHANDLE",
	522: "ENOTSYNC",
	523: "EBADCOOKIE",
	524: "ENOTSUPP",
	525: "ETOOSMALL",
	526: "ESERVERFAULT",
	527: "EBADTYPE",
	528: "EJUKEBOX",
	529: "EIOCBQUEUED",
	530: "ERECALLCONFLICT",
	531: "ENOGRACE",
}

// signal writes a signal by its name, a real-time one as SIGRT_ and its distance from
// the kernel's SIGRTMIN, 32 (include/uapi/asm-generic/signal.h); C libraries take the
// first two or three for themselves, so their SIGRTMIN says less.
func signal(_ *Decoder, c cell) form {
	const rtMin, rtMax = 32, 64
	return form{width: len("SIGVTALRM")}.asName(func(dst, rec []byte) []byte {
		n := c.signed(rec)
		if n >= rtMin && n <= rtMax {
			return strconv.AppendInt(append(dst, "SIGRT_"...), n-rtMin, 10)
		}
		if n > 0 && n < rtMin {
			return append(dst, unix.SignalName(syscall.Signal(n))...)
		}
		return c.appendDecimal(dst, rec)
	})
}

// syscallName writes a system call by its name, or its number when it has none.
func syscallName(d *Decoder, c cell) form {
	return form{width: maxNameWidth}.asName(func(dst, rec []byte) []byte {
		if name := d.env.Syscall(c.signed(rec)); name != "" {
			return append(dst, name...)
		}
		return c.appendDecimal(dst, rec)
	})
}
