package attach

import (
	"fmt"
	"strings"

	"github.com/ebgen/ebgen/spec/binary"
)

// A return probe puts the address of a trampoline where a function finds its return
// address, and the kernel remembers the true one until the function has returned
// (kernel/events/uprobes.c, prepare_uretprobe). What is entered in another way than by a
// call, or keeps its return address, breaks the program.

const (
	notCalled    = "it is not called, so it has no return address that could be changed"
	keepsAddress = "it keeps its return address, and the program would later jump to one that is no longer valid"
)

// unreturnable says of functions of the C library and the dynamic loader, by their names in
// glibc and musl, why they cannot have a return probe.
var unreturnable = map[string]string{
	"_start":       notCalled, // sysdeps/x86_64/start.S
	"_dl_start":    notCalled,
	"__restore_rt": notCalled, // a signal handler returns to it
	"__restore":    notCalled,

	"setjmp":          keepsAddress, // setjmp(3)
	"_setjmp":         keepsAddress,
	"__setjmp":        keepsAddress,
	"sigsetjmp":       keepsAddress,
	"__sigsetjmp":     keepsAddress,
	"getcontext":      keepsAddress, // getcontext(3)
	"__getcontext":    keepsAddress,
	"swapcontext":     keepsAddress,
	"__swapcontext":   keepsAddress,
	"__start_context": notCalled,
}

// unreturnablePrefixes are the beginnings of names for the same.
var unreturnablePrefixes = map[string]string{
	"_dl_runtime_resolve": notCalled, // entered through the PLT, with two words above the return address
	"_dl_runtime_profile": notCalled,
	"_dl_tlsdesc_":        notCalled,
}

// cold reports whether a symbol is the part of a function that the compiler has moved away
// as unlikely (gcc's -freorder-blocks-and-partition): it is jumped to.
func cold(name string) bool {
	_, suffix, ok := strings.Cut(name, ".cold")
	return ok && (suffix == "" || suffix[0] == '.')
}

// called returns the functions of a pattern that are called as a whole, and of a return
// probe those that may have one. Of a single function it says why it may not.
func called(functions []binary.Function, ret, pattern bool) ([]binary.Function, error) {
	var kept []binary.Function
	why := ""
	for _, f := range functions {
		why = ""
		if cold(f.Name) && (ret || pattern) {
			why = "it is a part of a function that is jumped to, not called"
		}
		if ret && why == "" {
			why = unreturnable[f.Name]
			for prefix, reason := range unreturnablePrefixes {
				if strings.HasPrefix(f.Name, prefix) {
					why = reason
				}
			}
		}
		if why == "" {
			kept = append(kept, f)
		} else if !pattern {
			return nil, fmt.Errorf("%s cannot have a return probe: %s", f.Name, why)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("no function that matches can have a probe: of the last, %s", why)
	}
	return kept, nil
}
