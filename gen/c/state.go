package c

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// A body looks an entry up once: the key is built in a variable, and the address of the
// entry is kept in another one, NULL where there is none. All reads go through it, since
// they come before the body changes any map.

// stateParts is what the piece "state" prints: how the bodies save to one map.
type stateParts struct {
	Name, Key, Value           string // the map, types of its key and value
	Refused, Inserted, Deleted string // counters; those of an LRU map are "" in another one
	Array, Saves, Deletes      bool
	Large                      bool // the value; see tooLargeToAssign
}

// mostStores is how many stores clang puts in the place of an assignment, each as wide as
// the type is aligned; for more it calls memcpy, which a BPF program does not have
// (BPFSelectionDAGInfo::getCommonMaxStoresPerMemFunc, LLVM 14).
const mostStores = 128

// tooLargeToAssign reports whether a map's value has to be copied by the kernel.
func tooLargeToAssign(m *plan.Map) bool {
	align := 1
	if m.Value.Absent >= 0 {
		align = 8
	}
	for i := range m.Value.Fields {
		align = max(align, m.Value.Fields[i].Type.Align())
	}
	return m.Value.Size > mostStores*align
}

// stateParts describes the maps of state that some body changes.
func (p *printer) stateParts() []*stateParts {
	var out []*stateParts
	for i := range p.plan.Maps {
		m := &p.plan.Maps[i]
		if m.Use != plan.StateMap {
			continue
		}
		kind := plan.MapTypes[m.Type]
		one := &stateParts{Name: m.Name, Key: p.keyType(i), Value: "struct " + valueTag(m), Refused: m.Refused(), Array: kind.Array}
		if kind.LRU {
			one.Inserted, one.Deleted = m.Inserted(), m.Deleted()
		}
		for _, b := range p.plan.Bodies {
			one.Saves = one.Saves || slices.ContainsFunc(b.Saves, func(s plan.Save) bool { return s.Map == i })
			one.Deletes = one.Deletes || slices.ContainsFunc(b.Deletes, func(d plan.Delete) bool { return d.Map == i })
		}
		if one.Saves {
			p.use("TALLY")
			p.use("bpf_map_lookup_elem")
		}
		if one.Large = tooLargeToAssign(m); one.Saves && one.Large {
			p.use("bpf_probe_read_kernel")
		}
		if one.Saves && !one.Array {
			p.use("bpf_map_update_elem")
			p.use("EEXIST")
		}
		if one.Deletes {
			p.use("bpf_map_delete_elem")
		}
		if one.Deletes && one.Deleted != "" {
			p.use("TALLY")
		}
		if one.Saves || one.Deletes {
			out = append(out, one)
		}
	}
	return out
}

// stateNames are the names outside of functions that a map of state makes.
func stateNames(m *plan.Map) []string { return []string{m.Name + "_save", m.Name + "_delete"} }

// keyType is the type of a map's key.
func (p *printer) keyType(i int) string {
	switch m := &p.plan.Maps[i]; {
	case m.Use == plan.StackMap:
		return "u64"
	case m.Type == plan.LPMTrie:
		return "struct " + p.use("ip_prefix")
	case plan.MapTypes[m.Type].Array, p.keys[i] == nil:
		return "u32"
	default:
		return "struct " + p.keys[i].Tag
	}
}

// valueType is the type of a map's value.
func (p *printer) valueType(i int) string {
	switch m := &p.plan.Maps[i]; {
	case m.Use == plan.StackMap:
		return "struct stack"
	case m.Depth > 0:
		return "struct " + stackTag(m)
	default:
		return "struct " + valueTag(m)
	}
}

// zeroed reports whether entries are there before anything is saved to them, all of an
// array and, on the other CPUs, those of a per-CPU map: the word then says which fields
// are present, not which are absent, since it starts as 0.
func zeroed(m *plan.Map) bool {
	kind := plan.MapTypes[m.Type]
	return m.Use == plan.StateMap && (kind.Array || kind.PerCPU)
}

// largeState reports whether what the body keeps is too large for the stack.
func (b *body) largeState() bool {
	found := false
	for _, s := range b.plan.Saves {
		m := &b.printer.plan.Maps[s.Map]
		found = found || m.Value.Size > largeKey || m.Key.Size > largeKey
	}
	for _, e := range b.expressions() {
		e.Walk(func(e *plan.Expr) {
			if e.Op == plan.OpEntry || e.Op == plan.OpHas {
				found = found || b.printer.plan.Maps[e.Int].Key.Size > largeKey
			}
		})
	}
	return found
}

// expressions lists all expressions of the body.
func (b *body) expressions() []*plan.Expr {
	var out []*plan.Expr
	all := func(list []plan.Expr) {
		for i := range list {
			out = append(out, &list[i])
		}
	}
	assigns := func(list []plan.Assign) {
		for i := range list {
			out = append(out, &list[i].Expr)
		}
	}
	filters := func(list []plan.Filter) {
		for i := range list {
			out = append(out, &list[i].Expr)
		}
	}
	if s := b.plan.Span; s != nil {
		filters(s.When)
		all(s.Key)
		assigns(s.Values)
	}
	filters(b.plan.Filters)
	assigns(b.plan.Fields)
	for _, u := range b.plan.Updates {
		for _, e := range []*plan.Expr{u.Value, u.When} {
			if e != nil {
				out = append(out, e)
			}
		}
	}
	for _, s := range b.plan.Saves {
		all(s.Key)
		assigns(s.Values)
	}
	for _, d := range b.plan.Deletes {
		all(d.Key)
	}
	return out
}

// changes reports whether something follows the record, whether it is made or not.
func (b *body) changes() bool {
	return len(b.plan.Saves)+len(b.plan.Deletes) > 0 || b.plan.Span != nil && b.plan.Span.Action != plan.CloseSpan
}

// entryKey builds a key, once, and returns how a helper takes it, and the variable of its
// error, "" when it always can be had. A key that cannot be read is counted here.
func (b *body) entryKey(index int, key []plan.Expr) (pointer, err string) {
	id := keyID("key", index, key)
	if k, ok := b.recallable(id); ok {
		return k.text, k.err
	}
	m := &b.printer.plan.Maps[index]
	place, had := b.locals[id]
	if !had {
		place = b.keyPlace(index, id)
	}
	outer, line := b.err, b.line
	failure := place[strings.LastIndex(place, ">")+1:] + "_err"
	b.err = failure
	list := b.collectHere(func() {
		switch {
		case plan.MapTypes[m.Type].Array:
			b.store(place, &key[0])
		case m.Type == plan.LPMTrie:
			b.emit(place + ".bits = 128")
			b.emit(fmt.Sprintf("__builtin_memcpy(&%s.word, &%s, sizeof(%s.word))", place, b.composite(&key[0]), place))
		default:
			for i := range key {
				to, f := place+"."+b.keys[index].names[i], m.Key.Fields[i]
				if key[i].Type.Size < f.Type.Size && !isNumber(f.Type) {
					b.zero(to, f.Type.Size)
				}
				b.store(to, &key[i])
			}
			for _, pad := range b.keys[index].pads {
				b.zero(place+"."+pad, 1)
			}
		}
	})
	b.err, b.line = outer, line
	if countTerms(list, failure) > 0 {
		err = b.local(id+" err", failure, ctype{name: "long"})
		list = append(settle(list, failure, line), statement{line: line, text: fmt.Sprintf("%s = %s(%s)", failure, b.use("failed"), failure)})
	}
	b.list = append(b.list, list...)
	pointer = "&" + place
	b.remember(id, known{primary(pointer, ctype{}), err})
	return pointer, err
}

// keyPlace declares what a key is built in.
func (b *body) keyPlace(index int, id string) string {
	m := &b.printer.plan.Maps[index]
	typ := b.keyType(index)
	name := unique(b.taken, m.Name+"_key")
	if m.Key.Size > largeKey {
		name = "s->" + b.scratchStruct(name, strings.TrimPrefix(typ, "struct "))
	} else {
		b.variables = append(b.variables, typ+" "+name)
	}
	b.locals[id] = name
	return name
}

// keyID is equal for what is one key of one map.
func keyID(what string, index int, key []plan.Expr) string {
	id := fmt.Sprint(what, " ", index)
	for i := range key {
		id += " " + keyOf(&key[i])
	}
	return id
}

// collectHere returns what run writes, which is sure to be run: what it reads stays known.
func (b *body) collectHere(run func()) []statement {
	outer := b.list
	b.list = nil
	run()
	list := b.list
	b.list = outer
	return list
}

// entry looks an entry up, once, and returns the variable that holds its address.
func (b *body) entry(index int, key []plan.Expr) string {
	id := keyID("entry", index, key)
	if k, ok := b.recallable(id); ok {
		return k.text
	}
	m := &b.printer.plan.Maps[index]
	pointer, err := b.entryKey(index, key)
	name := b.local(id, m.Name+"_entry", ctype{name: "struct " + valueTag(m) + " *"})
	lookup := fmt.Sprintf("%s(&%s, %s)", b.use("bpf_map_lookup_elem"), m.Name, pointer)
	if err != "" {
		lookup = err + " ? NULL : " + lookup
	}
	b.emit(name + " = " + lookup)
	b.remember(id, known{value: primary(name, ctype{})})
	return name
}

// lacks lists the conditions of which each says that an entry, or that field of it, is not
// there; those that are known not to hold are left out.
func (b *body) lacks(index int, entry, field string) []value {
	m := &b.printer.plan.Maps[index]
	all := []value{{text: "!" + entry, prec: precUnary, typ: s32, inverse: entry + " != NULL"}}
	if i := m.Value.Field(field); i >= 0 && m.Value.Absent >= 0 && m.Value.Fields[i].Bit >= 0 {
		bit := fmt.Sprintf("BIT(%d)", m.Value.Fields[i].Bit)
		if zeroed(m) {
			all = append(all, value{text: fmt.Sprintf("!(%s->present & %s)", entry, bit), prec: precUnary, typ: s32})
		} else {
			all = append(all, value{text: fmt.Sprintf("%s->absent & %s", entry, bit), prec: precBitAnd, typ: s32})
		}
	}
	return slices.DeleteFunc(all, func(one value) bool {
		_, ok := b.recallable(refuted(one))
		return ok
	})
}

// refuted is the key under which it is known that a condition does not hold.
func refuted(condition value) string { return "not " + condition.text }

// either joins conditions; none hold never.
func either(conditions []value) value {
	if len(conditions) == 0 {
		return primary("0", s32)
	}
	out := conditions[0]
	for _, one := range conditions[1:] {
		out = value{text: out.text + " || " + one.text, prec: precOr, typ: s32}
	}
	return out
}

// there reports whether an entry is known to be there.
func (b *body) there(entry string) bool {
	_, ok := b.recallable(refuted(value{text: "!" + entry}))
	return ok
}

// entryNumber is a number of an entry; zero where there is none.
func (b *body) entryNumber(e *plan.Expr) value {
	key := keyOf(e)
	if v, ok := b.recall(key); ok {
		return v
	}
	entry := b.entry(int(e.Int), e.Args)
	member := entry + "->" + b.memberOf(e)
	if lacks := b.lacks(int(e.Int), entry, e.Name); len(lacks) == 0 {
		return primary(member, b.typeOf(e.Type))
	}
	v := primary(b.local(key, e.Name, b.typeOf(e.Type)), b.typeOf(e.Type))
	v.word = true
	b.reading(key, v, func() {
		b.emit(fmt.Sprintf("%s = %s ? %s : 0", v.text, entry, member))
		b.mayLack(e, entry)
	})
	return v
}

// memberOf is the name in C of the field that e reads.
func (b *body) memberOf(e *plan.Expr) string {
	i := b.printer.plan.Maps[e.Int].Value.Field(e.Name)
	if i < 0 {
		panic(fail("line %d: map %s has no %q", b.line, b.printer.plan.Maps[e.Int].Name, e.Name))
	}
	return b.values[e.Int].names[i]
}

// storeEntry copies what is no number out of an entry; zeros where there is none.
func (b *body) storeEntry(to string, e *plan.Expr) {
	entry := b.entry(int(e.Int), e.Args)
	copied := func() { b.copyFrom(to, entry+"->"+b.memberOf(e), e.Type.Size) }
	if b.there(entry) {
		copied()
	} else {
		b.branch(entry, copied, func() { b.zero(to, e.Type.Size) })
	}
	b.mayLack(e, entry)
}

// mayLack collects that what e reads of an entry is not there, where that can be.
func (b *body) mayLack(e *plan.Expr, entry string) {
	if lacks := b.lacks(int(e.Int), entry, e.Name); len(lacks) > 0 {
		b.mayFail(either(lacks).text + " ? " + b.use("NO_VALUE") + " : 0")
	}
}

// has asks for an entry, or a field of it.
func (b *body) has(e *plan.Expr) value {
	v := either(b.lacks(int(e.Int), b.entry(int(e.Int), e.Args), e.Name))
	if v.inverse != "" {
		return value{text: v.inverse, prec: precEqual, typ: s32, inverse: v.text}
	}
	return value{text: v.not(), prec: precUnary, typ: s32, inverse: v.text}
}

// joined lists the entries that expressions read in any case: outside of ??, conditionals
// and the right side of && and ||.
func joined(list []*plan.Expr) []*plan.Expr {
	var out []*plan.Expr
	var walk func(e *plan.Expr)
	walk = func(e *plan.Expr) {
		rest := e.Args
		switch {
		case e.Op == plan.OpEntry:
			out = append(out, e)
		case e.Op == plan.OpDefault:
			rest = nil
		case e.Op == plan.OpCond, e.Op == plan.OpBinary && (e.Name == "&&" || e.Name == "||"):
			rest = rest[:1]
		}
		for i := range rest {
			walk(&rest[i])
		}
	}
	for _, e := range list {
		walk(e)
	}
	return out
}

// lacksAny lists the conditions of which each says that one of the entries is not there.
func (b *body) lacksAny(list []*plan.Expr) []value {
	var all []value
	for _, e := range list {
		b.line = e.Line
		for _, one := range b.lacks(int(e.Int), b.entry(int(e.Int), e.Args), e.Name) {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// unjoined lists the conditions that leave out the record: an entry that its fields read is
// not there.
func (b *body) unjoined() []value {
	var list []*plan.Expr
	for i := range b.plan.Fields {
		list = append(list, &b.plan.Fields[i].Expr)
	}
	for _, u := range b.plan.Updates {
		for _, e := range []*plan.Expr{u.Value, u.When} {
			if e != nil {
				list = append(list, e)
			}
		}
	}
	b.line = b.plan.Line
	return b.lacksAny(joined(list))
}

// saving is a save whose values are had.
type saving struct {
	plan.Save
	key, value string // as a helper takes the key; an lvalue
	unless     string // the condition under which there is nothing to save
}

// change saves and deletes. Everything is computed before any map is changed.
func (b *body) change() {
	var savings []saving
	for i := range b.plan.Saves {
		savings = append(savings, b.compute(&b.plan.Saves[i]))
	}
	var deletes []func()
	for _, d := range b.plan.Deletes {
		b.line = d.Line
		pointer, err := b.entryKey(d.Map, d.Key)
		m := &b.printer.plan.Maps[d.Map]
		deletes = append(deletes, func() {
			b.line = d.Line
			call := func() { b.emit(fmt.Sprintf("%s_delete(%s)", m.Name, pointer)) }
			if err == "" {
				call()
				return
			}
			b.branch("!"+err, call, nil)
		})
	}
	for _, s := range savings {
		b.line = s.Line
		if s.unless == "" {
			b.put(s)
			continue
		}
		b.branch("!("+s.unless+")", func() { b.put(s) }, nil)
	}
	for _, do := range deletes {
		do()
	}
}

// compute fills the value of a save.
func (b *body) compute(s *plan.Save) saving {
	m := &b.printer.plan.Maps[s.Map]
	out := saving{Save: *s}
	b.line = s.Line
	var err string
	out.key, err = b.entryKey(s.Map, s.Key)
	var list []*plan.Expr
	for i := range s.Values {
		list = append(list, &s.Values[i].Expr)
	}
	unless := b.lacksAny(joined(list))
	if err != "" {
		unless = append([]value{primary(err, s32)}, unless...)
	}
	if len(unless) > 0 {
		out.unless = either(unless).text
	}
	name := unique(b.taken, m.Name+"_saved")
	if m.Value.Size > largeKey {
		out.value = "s->" + b.scratchStruct(name, valueTag(m))
	} else {
		out.value = name
		b.variables = append(b.variables, "struct "+valueTag(m)+" "+name)
	}
	own := *b.plan
	own.Fields, own.Line = s.Values, s.Line
	outer, target, into := b.plan, b.target, b.into
	b.plan, b.target, b.into = &own, b.values[s.Map], out.value+"."
	if b.target.Absent >= 0 {
		b.keepsAbsent = true
		b.line = s.Line
		b.emit("absent = " + b.alwaysAbsent())
	}
	b.record()
	b.plan, b.target, b.into = outer, target, into
	return out
}

// put saves. An entry that is there keeps the fields that the save does not name.
func (b *body) put(s saving) {
	m := &b.printer.plan.Maps[s.Map]
	insert := func() { b.emit(fmt.Sprintf("%s_save(%s, &%s)", m.Name, s.key, s.value)) }
	if len(s.Values) == len(m.Value.Fields) {
		insert()
		return
	}
	entry := b.entry(s.Map, s.Key)
	b.branch(entry, func() { b.merge(s.Map, s.Values, entry, s.value) }, insert)
}

// merge copies the fields that are named into an entry, and whether they have a value.
func (b *body) merge(index int, values []plan.Assign, entry, from string) {
	m, layout := &b.printer.plan.Maps[index], b.values[index]
	var own uint64
	for _, a := range values {
		f := m.Value.Fields[a.Field]
		name := layout.names[a.Field]
		if f.Bit >= 0 {
			own |= 1 << f.Bit
		}
		if isNumber(f.Type) {
			b.emit(fmt.Sprintf("%s->%s = %s.%s", entry, name, from, name))
			continue
		}
		b.copyPlace(entry+"->"+name, from+"."+name, f.Type.Size)
	}
	if own != 0 {
		word := layout.word
		b.emit(fmt.Sprintf("%s->%s = (%s->%s & ~%#xULL) | (%s.%s & %#xULL)", entry, word, entry, word, own, from, word, own))
	}
}
