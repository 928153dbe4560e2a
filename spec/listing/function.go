package listing

import (
	"cmp"
	"sync"

	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// ways says of each word for functions which attachments serve it, the cheapest first, and
// what keeps them away from one function.
var ways = map[string][]way{
	"function":  {{plan.Fentry, func(t *ktype.Traceable) string { return t.Fentry }}, {plan.Kprobe, func(t *ktype.Traceable) string { return t.Kprobe }}},
	"kprobe":    {{plan.Kprobe, func(t *ktype.Traceable) string { return t.Kprobe }}},
	"kretprobe": {{plan.Kretprobe, func(t *ktype.Traceable) string { return t.Kprobe }}},
	"fentry":    {{plan.Fentry, func(t *ktype.Traceable) string { return t.Fentry }}},
	"fexit":     {{plan.Fexit, func(t *ktype.Traceable) string { return t.Fexit }}},
}

type way struct {
	kind plan.AttachKind
	why  func(*ktype.Traceable) string
}

// functions lists kernel functions as a word of the language traces them.
func functions(word string) func(*lister, func(string) bool) error {
	return func(l *lister, match func(string) bool) error {
		found := l.Kernel.Traceable(match)
		if found.Empty() && !l.exact {
			return nil
		}
		// What the kernel says of functions is long, and trying takes as long: both at once,
		// but where breakpoints are not to be had trampolines are asked first.
		var err error
		var done sync.WaitGroup
		whole := map[plan.AttachKind]string{}
		last := ways[word][len(ways[word])-1].kind
		if l.Try != nil && l.refusal(last) == "" {
			done.Go(func() { err = found.Judge() })
		}
		open := false
		for _, w := range ways[word] {
			whole[w.kind] = l.refusal(w.kind)
			open = open || whole[w.kind] == ""
		}
		done.Wait()
		if whole[last] != "" && open || l.Try == nil && l.Kernel.Running() {
			err = found.Judge()
		}
		list := found.List()
		for i := range list {
			l.add(l.function(word, &list[i], whole, err == nil))
		}
		if !open || len(list) == 0 { // nothing depends on what could not be read
			return nil
		}
		return err
	}
}

// function judges one function: it is refused when every way is, and what is not refused
// attaches when all lists could be read.
func (l *lister) function(word string, t *ktype.Traceable, whole map[plan.AttachKind]string, sure bool) Probe {
	p := Probe{Name: word + ":" + t.Name, State: Refused, Module: t.Module, Whole: true}
	for i, w := range ways[word] {
		why := cmp.Or(w.why(t), whole[w.kind])
		p.Whole = p.Whole && why == whole[w.kind]
		if why == "" {
			p.State = Attaches
			if i > 0 {
				p.Why = "as " + string(w.kind) + "; " + string(ways[word][0].kind) + ": " + p.Why
			}
			break
		}
		switch {
		case i == 0:
			p.Why = why
		case why != p.Why:
			p.Why = string(ways[word][0].kind) + ": " + p.Why + "; " + string(w.kind) + ": " + why
		}
	}
	if p.State == Attaches && (!sure || !l.Kernel.Running() || l.Try == nil) {
		p.State = Unknown
	}
	return p
}
