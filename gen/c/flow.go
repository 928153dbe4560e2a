package c

import (
	"slices"
	"strconv"

	"github.com/ebgen/ebgen/spec/plan"
)

// write prints the whole function, in the order that plan.Body promises. The scratch
// area is given back on every path.
func (b *body) write() {
	b.early = b.largeTexts() || b.largeState()
	if b.early {
		b.takeScratch("goto lost")
		b.leave = "goto out"
	}
	b.beginStep()
	for i := range b.plan.Filters {
		b.filter(&b.plan.Filters[i])
	}
	if b.plan.Emits {
		unjoined := b.unjoined()
		b.scoped(func() {
			if len(unjoined) > 0 {
				b.when(either(unjoined).text, b.skip())
			}
			for _, one := range unjoined {
				b.remember(refuted(one), known{})
			}
			b.output()
		})
	}
	if b.changes() {
		b.label("changes")
		b.endStep()
		b.change()
	}
	b.label("out")
	if b.early {
		b.at("s->busy = 0")
	}
	b.at("return 0")
	if b.label("lost") {
		b.at(b.lose())
		b.at("return 0")
	}
	b.variables = append(b.heads(), b.variables...)
}

// output makes a record when the body makes one now. Whether or not, the changes follow.
func (b *body) output() {
	if b.printer.plan.Limits.Rate > 0 {
		b.when(b.use("over_rate")+"()", b.skip())
	}
	late := !b.early && (b.printer.plan.Channel.Kind == plan.Perfbuf || b.keyInScratch())
	if late {
		b.takeScratch(b.noRoom()...)
	}
	if b.printer.plan.Table != nil {
		b.row()
	} else {
		b.send()
	}
	if late {
		b.at("s->busy = 0")
	}
}

// skip is the statement that makes no record, where one could be.
func (b *body) skip() string {
	if b.changes() {
		return "goto changes"
	}
	return b.leave
}

// noRoom is what is done when a record finds no room.
func (b *body) noRoom() []string {
	switch {
	case b.plan.Again && b.early:
		return []string{"s->busy = 0", "return 1"}
	case b.plan.Again:
		return []string{"return 1"}
	}
	if b.skip() == "return 0" {
		return []string{"goto lost"}
	}
	return []string{b.lose(), b.skip()}
}

// lose is the statement that counts a record that found no room.
func (b *body) lose() string {
	b.use("lost")
	return b.use("count_one") + "(&lost)"
}

// takeScratch takes the body's scratch area. One that is in use is lost to this event.
func (b *body) takeScratch(otherwise ...string) {
	index := b.local("scratch index", "index", u32)
	b.at(index + " = " + strconv.Itoa(b.index))
	b.at("s = " + b.use("bpf_map_lookup_elem") + "(&scratch, &" + index + ")")
	b.when("!s || s->busy", otherwise...)
	b.at("s->busy = 1")
	b.holds = true
}

// at adds a statement that serves the probe as a whole.
func (b *body) at(text string) {
	b.list = append(b.list, statement{line: b.plan.Line, text: text})
}

// when adds statements under a condition that serve the probe as a whole.
func (b *body) when(condition string, texts ...string) {
	s := statement{line: b.plan.Line, text: condition}
	for _, text := range texts {
		s.body = append(s.body, statement{line: b.plan.Line, text: text})
	}
	b.list = append(b.list, s)
}

// label marks a place when something jumps there, and says whether it does.
func (b *body) label(name string) bool {
	used := jumps(b.list, "goto "+name)
	if used {
		b.at(name + ":")
	}
	return used
}

func jumps(list []statement, text string) bool {
	return slices.ContainsFunc(list, func(s statement) bool {
		return s.text == text || jumps(s.body, text) || jumps(s.otherwise, text)
	})
}

// scoped runs what may be jumped over: what it reads is forgotten after it.
func (b *body) scoped(run func()) {
	b.known = append(b.known, map[string]known{})
	run()
	b.known = b.known[:len(b.known)-1]
}
