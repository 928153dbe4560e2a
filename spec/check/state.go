package check

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/expr"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Sizes of maps that the spec says nothing of, in entries. An open file, a thread, a
// connection: a busy machine has some ten thousand. What finds no room is counted.
const (
	manyEntries   = 65536
	fewEntries    = 16384
	smallEntry    = 128 // bytes up to which there are many
	largestMap    = 1 << 30
	mostEntries   = 1 << 26
	largestEntry  = 16 << 10
	largestMapKey = 512 // MAX_BPF_STACK, kernel/bpf/syscall.c: the largest key of a hash
)

// entries is a map as the checker learns it: from what is saved to it, its types are
// inferred; where they are read, they are used.
type entries struct {
	name    string
	use     plan.MapUse
	line    int
	doc     *spec.Map // of a state map that `maps:` names, or nil
	typ     plan.MapType
	size    int
	onFull  plan.OnFull
	keys    []*entryField
	values  []*entryField
	writers int // saves that were checked in this round
	saved   bool
	depth   int
	index   int         // in Plan.Maps
	at      spec.Scalar // where it is first saved to
}

// entryField is one part of a key, or one value.
type entryField struct {
	name    string
	typ     plan.Type   // in the map: pointers are numbers there
	as      plan.Type   // as expressions see it
	elem    ktype.Type  // of a pointer: what it leads to
	enum    *ktype.Enum // names of a number
	natural bool        // of a number: none that it holds is negative
	null    bool        // 0 is all that it holds
	partial bool        // an entry may be without it
	writers int         // how many saves name it, in this round
}

// nameless is the field of an entry that is one value.
const nameless = "value"

// idle is 1 of a map of state to which nothing is saved, else 0.
func (m *entries) idle() int {
	if m.use == plan.StateMap && !m.saved {
		return 1
	}
	return 0
}

func (m *entries) field(name string) *entryField {
	i := slices.IndexFunc(m.values, func(f *entryField) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return m.values[i]
}

// operand is what expressions see of a field that e reads.
func (f *entryField) operand(b *body, e plan.Expr) operand {
	o := value(e)
	o.enum, o.elem = f.enum, f.elem
	if f.as.Kind == plan.Pointer {
		o.expr = plan.Expr{Op: plan.OpCast, Type: f.as, Line: b.line, Args: []plan.Expr{e}}
	}
	return o
}

// take widens a field to hold o too, and returns o as the field holds it. It gives the
// reason when the two do not go together.
func (f *entryField) take(b *body, o operand) (plan.Expr, error) {
	as := o.expr.Type
	as.Enum = 0
	e := o.expr
	natural := b.natural(e)
	if f.typ.Kind == plan.Void {
		f.typ, f.as, f.elem, f.enum, f.natural = as, as, o.elem, o.enum, natural
		if as.Kind == plan.Pointer {
			f.typ = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Hex, User: as.User}
		}
		f.null = isNull(o)
		b.learned = true
	}
	before, null := f.typ, isNull(o)
	if e.Type.Kind == plan.Pointer {
		if err := f.lead(b, o); err != nil {
			return e, err
		}
		e = b.convert(e, plan.Type{Kind: plan.Int, Size: 8, User: e.Type.User})
	} else if f.as.Kind == plan.Pointer && !null {
		f.forget(b)
	}
	f.null = f.null && null
	switch {
	case integral(f.typ) && integral(e.Type):
		user := f.typ.User || e.Type.User // an address of a process, beside a number that says there is none
		if f.typ.Kind != e.Type.Kind || f.typ.Size != e.Type.Size || f.typ.Signed != e.Type.Signed {
			wide, ok := holding(f.typ, e.Type, f.natural, natural)
			if !ok {
				return e, errNoHolder
			}
			if wide.Size > f.typ.Size || f.typ.Kind != plan.Int || wide.Signed != f.typ.Signed {
				f.typ.Kind, f.typ.Size, f.typ.Signed, f.typ.Name = plan.Int, wide.Size, wide.Signed, ""
			}
		}
		f.typ.User = f.typ.User || e.Type.User && f.typ.Size == 8
		f.natural = f.natural && natural
		if f.as.Kind != plan.Pointer {
			f.as = f.typ
		}
		if f.typ.User = user; f.as.Kind != plan.Pointer {
			f.as = f.typ
		}
		e = b.convert(e, f.typ)
	case f.typ.Kind == e.Type.Kind && (f.typ.Kind == plan.String || f.typ.Kind == plan.Bytes):
		f.typ.Size = max(f.typ.Size, e.Type.Size)
		f.as = f.typ
		if e.Op == plan.OpCall {
			e.Type.Size = f.typ.Size
		}
	case f.typ.Kind == e.Type.Kind && f.typ.Size == e.Type.Size:
	default:
		return e, errOtherKind
	}
	b.learned = b.learned || f.typ != before
	return e, nil
}

// Why a value does not fit a field that holds another one: what lies behind a colon in the
// message, or nothing.
var (
	errOtherKind = errors.New("")
	errNoHolder  = errors.New("no type holds a u64 and negative numbers")
	errTwoSpaces = errors.New("one leads into the memory of the process, the other one into the kernel's")
)

// lead takes what a pointer leads to. Two of different types leave a number, of which a cast
// says what it leads to; in whose memory that lies, no cast says.
func (f *entryField) lead(b *body, o operand) error {
	t := o.expr.Type
	switch {
	case f.as.Kind == plan.Pointer && f.as.User != t.User, f.as.Kind != plan.Pointer && f.typ.User && !t.User:
		return errTwoSpaces
	case f.as.Kind == plan.Pointer && f.elem.String() != o.elem.String():
		f.forget(b)
	case f.null: // only NULL so far
		f.typ = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Hex, User: t.User}
		f.as, f.elem, f.natural = t, o.elem, true
		b.learned = true
	}
	return nil
}

// never reports whether o is no value that the field holds elsewhere: an address beside a
// number that is too short for one.
func (f *entryField) never(o operand) bool {
	t := o.expr.Type
	switch {
	case f.as.Kind == plan.Pointer:
		return integral(t) && t.Size < 8
	case t.Kind == plan.Pointer:
		return integral(f.typ) && f.typ.Size < 8
	}
	return false
}

// forget makes a field a number that held a pointer.
func (f *entryField) forget(b *body) {
	f.as, f.elem = f.typ, ktype.Type{}
	b.learned = true
}

// declareMaps reads `maps:`.
func (c *checker) declareMaps() {
	for i := range c.doc.Maps {
		d := &c.doc.Maps[i]
		if d.Name.Value == stackMap {
			c.declareStacks(d)
			continue
		}
		m := &entries{name: d.Name.Value, use: plan.StateMap, line: c.lineOf(d.Name), doc: d, at: d.Name}
		if d.Type.Given() {
			m.typ = plan.MapType(d.Type.Value)
			if _, ok := plan.MapTypes[m.typ]; !ok {
				c.diags.Errorf(d.Type.Span(), "no type of map is named %q", d.Type.Value).Hint = "one of " + source.OrList(mapTypeNames())
				m.typ = ""
			}
			if m.typ == plan.StackTrace {
				c.diags.Errorf(d.Type.Span(), "a stack_trace map holds stacks, which kstack and ustack take").Hint = "maps: {stacks: {max_entries: 65536}} says how many are kept"
			}
		}
		m.limit(c, d.Entries, d.OnFull)
		c.maps = append(c.maps, m)
	}
}

func mapTypeNames() []string {
	var names []string
	for t := range plan.MapTypes {
		names = append(names, string(t))
	}
	slices.Sort(names)
	return names
}

// limit reads how large a map is and what happens when it is full.
func (m *entries) limit(c *checker, size, onFull spec.Scalar) {
	if size.Given() {
		n, ok := c.quantity(size, plan.Plain)
		if ok && n > mostEntries {
			c.diags.Errorf(size.Span(), "a map has at most %d entries", mostEntries)
		}
		m.size = int(min(n, mostEntries))
	}
	m.onFull = plan.OnFull(onFull.Value)
	kind := plan.MapTypes[m.typ]
	switch {
	case !onFull.Given():
	case kind.Array:
		c.diags.Errorf(onFull.Span(), "an array is never full: all its entries are there")
	case m.onFull == plan.Evict && m.typ != "" && !kind.LRU:
		c.diags.Errorf(onFull.Span(), "a %s evicts nothing", m.typ).Hint = "type: lru_" + strings.TrimPrefix(string(m.typ), "lru_")
	case m.onFull != plan.Evict && kind.LRU:
		c.diags.Errorf(onFull.Span(), "a %s always makes room by evicting", m.typ).Hint = "type: " + strings.TrimPrefix(string(m.typ), "lru_")
	}
}

// named finds a state map by its name; what is saved to without a declaration is one.
func (c *checker) mapNamed(name string) *entries {
	i := slices.IndexFunc(c.maps, func(m *entries) bool { return m.name == name && m.use == plan.StateMap })
	if i < 0 {
		return nil
	}
	return c.maps[i]
}

// undeclared adds the maps that only `save:` names.
func (c *checker) undeclared() {
	for _, s := range c.sites {
		for _, d := range s.duties {
			for _, save := range d.saves {
				n, err := c.parse(save.Entry)
				index, ok := n.(*expr.Index)
				if err != nil || !ok {
					continue
				}
				if id, ok := index.X.(*expr.Ident); ok {
					m := c.mapNamed(id.Name)
					if m == nil {
						m = &entries{name: id.Name, use: plan.StateMap, line: c.lineOf(save.Entry), at: save.Entry}
						c.maps = append(c.maps, m)
					}
					m.saved = true
				}
			}
		}
	}
	for _, m := range c.maps {
		if m.doc != nil && !m.saved {
			c.diags.Warnf(m.doc.Name.Span(), "nothing is saved to map %s", m.name).Hint = "save: {" + m.name + "[KEY]: {NAME: EXPRESSION}}"
		}
	}
	// The plan leaves those out, and counts the others.
	slices.SortStableFunc(c.maps, func(a, b *entries) int { return cmp.Compare(a.idle(), b.idle()) })
}

// entry is what an expression of the form NAME[KEY] or NAME[KEY].FIELD speaks of.
type entry struct {
	of    *entries
	index *expr.Index
	field string // "" for the entry itself
	at    spanner
}

// entryOf tells an entry of a state map from an element of an array.
func (b *body) entryOf(n expr.Node) (entry, bool) {
	var e entry
	if m, ok := n.(*expr.Member); ok {
		e.field, e.at, n = m.Name, m.NameAt, m.X
	}
	if p, ok := n.(*expr.Paren); ok {
		n = p.X
	}
	index, ok := n.(*expr.Index)
	if !ok {
		return e, false
	}
	id, ok := index.X.(*expr.Ident)
	if !ok {
		return e, false
	}
	e.of, e.index = b.mapNamed(id.Name), index
	if e.at == nil {
		e.at = index
	}
	return e, e.of != nil
}

// entryValue reads an entry.
func (b *body) entryValue(n expr.Node, e entry) operand {
	key, ok := b.keyOf(e, false)
	if !ok {
		return operand{}
	}
	name := e.field
	if name == "" {
		name = nameless
	}
	f := e.of.field(name)
	if f == nil {
		return b.noField(n, e)
	}
	return f.operand(b, plan.Expr{Op: plan.OpEntry, Type: f.typ, Line: b.line, Name: name, Int: int64(e.of.index), Args: key})
}

func (b *body) noField(n expr.Node, e entry) operand {
	if b.learning {
		b.pending = true
		return operand{}
	}
	var names []string
	for _, f := range e.of.values {
		names = append(names, f.name)
	}
	switch {
	case len(names) == 0 && e.of.saved && b.diags.Failed(): // by a probe that is wrong itself
		return operand{}
	case len(names) == 0:
		return b.fail(n, "nothing is saved to %s, so it has no values", e.of.name).hint("save: {%s: {NAME: EXPRESSION}}", expr.Print(e.index))
	case e.field == "":
		return b.fail(n, "%s has several values", expr.Print(e.index)).hint("name one: %s.%s", expr.Print(e.index), names[0])
	case len(names) == 1 && names[0] == nameless:
		return b.fail(e.at, "%s is one value and has no field %q", expr.Print(e.index), e.field)
	}
	f := b.fail(e.at, "nothing named %q is saved to %s", e.field, e.of.name)
	if near := ktype.Nearest(e.field, names); len(near) > 0 {
		return f.hint("did you mean %s?", source.OrList(near))
	}
	return f.hint("%s has %s", e.of.name, source.OrList(names))
}

// has asks whether an entry is there.
func (b *body) has(n *expr.Call) operand {
	e, ok := b.entryOf(n.Args[0])
	if !ok {
		if m, isMember := n.Args[0].(*expr.Member); isMember {
			return b.fail(n.Args[0], "has asks for an entry of a map, such as has(seen[pid])").hint("exists(%s) asks for a member of the kernel's", expr.Print(m))
		}
		return b.fail(n.Args[0], "has asks for an entry of a map, such as has(seen[pid])")
	}
	key, ok := b.keyOf(e, false)
	if !ok {
		return operand{}
	}
	if e.field != "" && e.of.field(e.field) == nil {
		return b.noField(n.Args[0], e)
	}
	return value(plan.Expr{Op: plan.OpHas, Type: boolean, Line: b.line, Name: e.field, Int: int64(e.of.index), Args: key})
}

// keyOf types the key of an entry. The saves say of how many parts a key is.
func (b *body) keyOf(e entry, saving bool) ([]plan.Expr, bool) {
	if e.of.keys == nil && saving {
		for range e.index.Keys {
			e.of.keys = append(e.of.keys, &entryField{})
		}
	}
	if n := len(e.of.keys); n != len(e.index.Keys) {
		if n > 0 && !b.learning {
			b.fail(e.index, "%s has %s, here it is asked for %s", e.of.name, keyCount(n), keyCount(len(e.index.Keys)))
		} else if n == 0 && !b.learning {
			b.noField(e.index, e)
		}
		b.pending = true
		return nil, false
	}
	var list []plan.Expr
	for i, k := range e.index.Keys {
		o := b.textual(k)
		if !o.valid {
			return nil, false
		}
		if o = b.held(k, o); !o.valid {
			return nil, false
		}
		one := b.key(e.of, i, o)
		if one.Op == "" {
			b.fail(k, "%s is kept by %s, %s is %s", e.of.name, describe(operand{expr: plan.Expr{Type: e.of.keys[i].as}, elem: e.of.keys[i].elem}), expr.Print(k), describe(o))
			return nil, false
		}
		list = append(list, one)
	}
	return list, true
}

func keyCount(n int) string {
	if n == 1 {
		return "a key of 1 part"
	}
	return "a key of " + strconv.Itoa(n) + " parts"
}

// key converts part i of a key to what the map is kept by; its Op is "" when that cannot
// be.
func (b *body) key(m *entries, i int, o operand) plan.Expr {
	if plan.MapTypes[m.typ].Array { // kept by u32, whatever else is asked
		m.keys[i].typ, m.keys[i].as = u32, u32
		if !integral(o.expr.Type) || o.expr.Type.Size > u32.Size && o.expr.Op != plan.OpConst {
			return plan.Expr{}
		}
		return b.convert(o.expr, u32)
	}
	f := m.keys[i]
	if f.typ.Kind != plan.Void && !isNull(o) && !f.null && f.never(o) {
		return plan.Expr{}
	}
	e, err := f.take(b, o)
	switch {
	case errors.Is(err, errNoHolder): // the same 64 bits for the same number
		wide := u64
		if f.typ != wide {
			f.typ, f.as, f.natural, b.learned = wide, wide, true, true
		}
		return b.convert(e, wide)
	case errors.Is(err, errTwoSpaces):
		return b.convert(e, u64)
	case err != nil:
		return plan.Expr{}
	}
	return e
}

// keys types the key of a span, of which each part is one expression.
func (b *body) keys(m *entries, parts []spec.Scalar) []plan.Expr {
	var list []plan.Expr
	for i, s := range parts {
		n, ok := b.enter(s)
		if !ok {
			return nil
		}
		if i >= len(m.keys) {
			b.fail(n, "the span has %s elsewhere, here it is %s", keyCount(len(m.keys)), keyCount(len(parts)))
			return nil
		}
		o := b.textual(n)
		if o = b.held(n, o); !o.valid {
			return nil
		}
		if b.requireGiven(n, "a key") {
			return nil
		}
		e := b.key(m, i, o)
		if e.Op == "" {
			b.fail(n, "the span is kept by %s elsewhere, this key is %s", describe(operand{expr: plan.Expr{Type: m.keys[i].as}, elem: m.keys[i].elem}), describe(o))
			return nil
		}
		list = append(list, e)
	}
	if len(parts) < len(m.keys) {
		b.fail(whole(b.scalar), "the span has %s elsewhere, here it is %s", keyCount(len(m.keys)), keyCount(len(parts)))
		return nil
	}
	return list
}

// saves checks what the probe saves.
func (b *body) saves() {
	for _, s := range b.duty.saves {
		n, ok := b.enter(s.Entry)
		if !ok {
			continue
		}
		e, ok := b.entryOf(n)
		if !ok || e.field != "" {
			b.fail(n, "%s is no entry of a map", expr.Print(n)).hint("save: {NAME[KEY]: {FIELD: EXPRESSION}}")
			continue
		}
		one := plan.Save{Map: e.of.index, Line: b.line}
		if one.Key, ok = b.keyOf(e, true); !ok || b.requireGiven(n, "a key") {
			continue
		}
		if t := plan.MapTypes[e.of.typ]; t.Array && !b.learning && (len(e.of.keys) != 1 || !integral(e.of.keys[0].typ)) {
			b.fail(n, "an array is kept by one number")
		}
		e.of.writers++
		values := s.Values
		if s.Value.Given() {
			name := s.Entry
			name.Value = nameless
			values = []spec.Field{{Name: name, Expr: s.Value}}
		}
		for _, f := range values {
			if o, ok := b.keptValue(f); ok {
				one.Values = append(one.Values, b.assign(e.of, f.Name.Value, o, b.line))
			}
		}
		b.saved = append(b.saved, one)
	}
}

// assign puts a value into a field of a map, which is made if it is new.
func (b *body) assign(m *entries, name string, o operand, line int) plan.Assign {
	f := m.field(name)
	if f == nil {
		f = &entryField{name: name}
		m.values = append(m.values, f)
	}
	e, err := f.take(b, o)
	if err != nil {
		elsewhere := value(plan.Expr{Type: f.as})
		elsewhere.elem = f.elem
		d := b.diags.Errorf(b.scalar.Span(), "%s.%s is %s elsewhere, here it is %s", m.name, name, describe(elsewhere), describe(o))
		if why := err.Error(); why != "" {
			d.Message += ": " + why
		}
		if errors.Is(err, errNoHolder) {
			d.Hint = "a cast says which is meant: (s64) or (u64)"
		}
	}
	f.writers++
	if e.Fallible() {
		f.partial = true
	}
	return plan.Assign{Field: slices.Index(m.values, f), Expr: e, Line: line}
}

// deletes checks what the probe deletes.
func (b *body) deletes() {
	for _, s := range b.duty.deletes {
		n, ok := b.enter(s)
		if !ok {
			continue
		}
		e, ok := b.entryOf(n)
		switch {
		case !ok || e.field != "":
			b.fail(n, "%s is no entry of a map", expr.Print(n)).hint("delete: NAME[KEY]")
			continue
		case plan.MapTypes[e.of.typ].Array:
			b.fail(n, "an entry of an array cannot be deleted").hint("save zeros, or make %s a hash", e.of.name)
			continue
		}
		if key, ok := b.keyOf(e, false); ok && !b.requireGiven(n, "a key") {
			b.deleted = append(b.deleted, plan.Delete{Map: e.of.index, Key: key, Line: b.line})
		}
	}
}

// requireGiven complains about params without a value in what always needs one.
func (b *body) requireGiven(n expr.Node, what string) bool {
	for name, required := range b.mentioned {
		if required {
			b.fail(n, "$%s may not be given, and %s always needs a value", name, what).hint("give it a default: params: {%s: {default: …}}", name)
			return true
		}
	}
	return false
}
