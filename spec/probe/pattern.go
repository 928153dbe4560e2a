package probe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// patterned are the kinds whose target may have * for any text: functions of the kernel.
var patterned = map[string]bool{"kprobe": true, "kretprobe": true, "function": true}

// MostFunctions bounds what one pattern means. A breakpoint each takes the kernel about a
// millisecond, and whoever means more has hardly said what is wanted.
const MostFunctions = 1000

// pattern is the entry of every function of the kernel whose name fits. Their arguments are
// registers of which no type is known; a trampoline would be one for each function.
func pattern(k *ktype.Kernel, arch, name string) ([]Candidate, error) {
	if strings.Trim(name, "*") == "" {
		return nil, fmt.Errorf("every function of the kernel is too many: a pattern says a part of the name")
	}
	found, err := k.Functions(name)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("kernel %s has no function of such a name", k.Release())
	case len(found) > MostFunctions:
		return nil, fmt.Errorf("kernel %s has %d functions of such a name, and %d are the most: say more of it", k.Release(), len(found), MostFunctions)
	}
	c := Candidate{Kind: plan.Kprobe, Target: name, ReturnProbe: "kretprobe:" + name}
	for i := range ktype.Registers[arch] {
		one := word("arg"+strconv.Itoa(i), plan.Source{From: plan.Register, Index: i})
		one.Plan.User = false
		c.Params = append(c.Params, one)
	}
	return []Candidate{c}, nil
}

// patternReturn is the return of every such function.
func patternReturn(k *ktype.Kernel, arch, name string) ([]Candidate, error) {
	if _, err := pattern(k, arch, name); err != nil {
		return nil, err
	}
	result := word("retval", plan.Source{From: plan.Return})
	result.Plan.User = false
	return []Candidate{{Kind: plan.Kretprobe, Target: name, Retval: &result,
		NoArgs: "the registers that held the arguments are overwritten by the time a kretprobe fires"}}, nil
}
