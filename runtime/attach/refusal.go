package attach

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/ebgen/ebgen/spec/plan"
)

// Refusal is the answer of a kernel that does not have an attachment: a missing
// function, a kind that is compiled out, a right that is withheld.
type Refusal struct {
	Kind   plan.AttachKind
	Target string
	Why    string // the cause in words
	Err    error  // what the kernel or the library said
}

// Error is "KIND:TARGET: why", as Plan.Probes lists what the checker refused.
func (r *Refusal) Error() string { return fmt.Sprintf("%s:%s: %s", r.Kind, r.Target, r.Why) }

func (r *Refusal) Unwrap() error { return r.Err }

// cause is one row of a kind's table: an error and what it means there. TARGET in the
// words stands for the target.
type cause struct {
	err   error
	words string
}

// Explain puts an error of loading or attaching a program into words. The library's own
// texts guess (every EPERM is said to be RLIMIT_MEMLOCK), so the kind's table is asked
// first; what is not in it keeps the text.
func Explain(k plan.AttachKind, target string, err error) *Refusal {
	r := &Refusal{Kind: k, Target: target, Err: err}
	for _, c := range kinds[k].causes {
		if errors.Is(err, c.err) {
			r.Why = strings.ReplaceAll(c.words, "TARGET", target)
			return r
		}
	}
	if errors.Is(err, ebpf.ErrNotSupported) {
		r.Why = fmt.Sprintf("this kernel does not have it (%v)", err)
		return r
	}
	r.Why = err.Error()
	return r
}
