package decode

import (
	"testing"

	"github.com/ebgen/ebgen/runtime/stack"
	"github.com/ebgen/ebgen/spec/plan"
)

// TestStackNotKept wants no value of a stack whose number leads nowhere, or that the
// record says it does not have.
func TestStackNotKept(t *testing.T) {
	for _, c := range []struct {
		absent   uint64
		id       uint64
		hasID    bool
		missing  bool
		wantText string
	}{
		{0, 1, true, false, `main;[libc.so.6];\x1b"a:b`},
		{0, 2, true, true, "?"},
		{1 << 5, 1, false, true, "?"},
		{0, 0, true, false, ""},
	} {
		d, err := New(one(stackType), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		rec := append(order.AppendUint64(nil, c.absent), u(8, int64(c.id))...)
		col := d.Columns()[0]
		if got := string(col.Text(nil, rec)); got != c.wantText || col.Absent(rec) != c.missing {
			t.Errorf("stack %d, absent word %x: %q, absent %v", c.id, c.absent, got, col.Absent(rec))
		}
		if id, ok := col.Stack.ID(rec); ok != c.hasID || ok && id != c.id {
			t.Errorf("stack %d, absent word %x: number %d, %v", c.id, c.absent, id, ok)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		f          stack.Frame
		text, name string
	}{
		{stack.Frame{Name: "vfs_read", Offset: 0x1f, Module: "ext4", Address: 1, Kernel: true}, "vfs_read+0x1f [ext4]", "vfs_read"},
		{stack.Frame{Name: "main", Offset: 0, Module: "/usr/bin/x", File: "/src/a/x.c", Line: 12}, "main+0x0 [x] x.c:12", "main"},
		{stack.Frame{Name: "push<T>", Module: "/usr/bin/x", File: "vec.rs", Line: 3, Inlined: true}, "push<T> [x] vec.rs:3 (inlined)", "push<T>"},
		{stack.Frame{Module: "/lib/libc.so.6", Address: 0x7f01}, "0x7f01 [libc.so.6]", "[libc.so.6]"},
		{stack.Frame{Address: 0x7f01}, "0x7f01", "0x7f01"},
		{stack.Frame{Module: "anon", Address: 0x7f01}, "0x7f01 [anon]", "[anon]"},
		{stack.Frame{Address: 0xffffffff81000000, Kernel: true}, "0xffffffff81000000", "[kernel]"},
		{stack.Frame{Name: "\x1b[2J", File: "\n"}, `\x1b[2J+0x0 \x0a`, `\x1b[2J`},
	} {
		if got := string(AppendFrame(nil, &c.f)); got != c.text {
			t.Errorf("%+v: %s, want %s", c.f, got, c.text)
		}
		if got := string(AppendName(nil, &c.f)); got != c.name {
			t.Errorf("%+v: %s, want %s", c.f, got, c.name)
		}
	}
}

// TestOrigin says which columns of a table may be added.
func TestOrigin(t *testing.T) {
	p := one(number(8, false, plan.Plain))
	cell := func(i int64) *plan.Expr { return &plan.Expr{Op: plan.OpCell, Int: i} }
	p.Table = &plan.Table{Cells: []plan.Cell{{Kind: plan.Count}, {Kind: plan.Sum}, {Kind: plan.Least}}}
	for _, c := range []struct {
		column   plan.Column
		key, sum bool
	}{
		{plan.Column{Key: 0}, true, false},
		{plan.Column{Key: -1, Expr: cell(0)}, false, true},
		{plan.Column{Key: -1, Expr: cell(1)}, false, true},
		{plan.Column{Key: -1, Expr: cell(2)}, false, false},
		{plan.Column{Key: -1, Expr: cell(3)}, false, false},
		{plan.Column{Key: -1, Expr: &plan.Expr{Op: plan.OpBinary}}, false, false},
	} {
		p.Table.Columns = []plan.Column{c.column}
		d, err := New(p, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Columns()[0]; got.Key != c.key || got.Sum != c.sum {
			t.Errorf("%+v: key %v, sum %v", c.column, got.Key, got.Sum)
		}
	}
}
