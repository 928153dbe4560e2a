package symbol

import goruntime "runtime"

//go:generate go run ./internal/mksyscalls -o syscalls.go

// Syscall names a system call of the machine this program was built for, as the kernel
// spells it, or returns "" when it has none of that number.
func Syscall(number int64) string {
	names := syscalls[goruntime.GOARCH]
	if number < 0 || number >= int64(len(names)) {
		return ""
	}
	return names[number]
}
