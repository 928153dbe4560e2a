package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/specs"
)

// storedPlan is a bundle with that text for its plan, and a checksum that fits.
func storedPlan(t testing.TB, text []byte) []byte {
	t.Helper()
	var stored bytes.Buffer
	if err := (&plan.Bundle{Plan: &plan.Plan{}}).Encode(&stored); err != nil {
		t.Fatal(err)
	}
	magic, rest := stored.Bytes()[:8], stored.Bytes()[8:]
	rest = rest[4+binary.LittleEndian.Uint32(rest) : len(rest)-4]
	data := binary.LittleEndian.AppendUint32(bytes.Clone(magic), uint32(len(text)))
	data = append(append(data, text...), rest...)
	return binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

// plans are what the checker makes of some of the catalogue, as it is stored.
func plans(t testing.TB, k *ktype.Kernel, names ...string) (all [][]byte) {
	t.Helper()
	for _, name := range names {
		path, text, ok := specs.Find(name)
		if !ok {
			t.Fatalf("no spec %s", name)
		}
		doc, diags := spec.Parse(path, text)
		p, diags := check.Check(doc, diags, k, check.Options{Arch: "amd64"})
		if diags.Failed() {
			t.Fatal(diags.Print(os.Stderr))
		}
		stored, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stored)
	}
	return all
}

// everything does with a bundle what is done before the kernel is asked for anything.
func everything(k *ktype.Kernel, b *plan.Bundle) {
	params := tool.Params(b.Plan)
	_ = tool.Help(io.Discard, b.Plan.Description, "x", params, nil)
	_ = tool.Man(io.Discard, "x", b.Plan, nil)
	_ = pageOf(&found{name: "x", bundle: b}, b).write(io.Discard, markdown{})
	for i := range b.Plan.Params {
		param := &b.Plan.Params[i]
		_, _ = param.Parse(b.Plan.Enums, "10.0.0.0/8,1,x|y")
		_, _ = param.Parse(b.Plan.Enums, param.Default)
	}
	if fitting, err := fit.To(b.Plan, k); err == nil {
		b = &plan.Bundle{Plan: fitting}
	}
	d, err := decode.New(b.Plan, decode.Env{})
	if err != nil {
		return
	}
	rows := [][]byte{make([]byte, d.Size())}
	if b.Plan.Table != nil {
		table, err := aggregate.New(b.Plan)
		if err != nil {
			return
		}
		m := &b.Plan.Maps[b.Plan.Table.Map]
		if table.Add(make([]byte, m.Key.Size), make([]byte, m.Value.Size)) == nil {
			rows = table.Rows()
		}
	}
	for _, row := range rows {
		for _, c := range d.Columns() {
			for _, write := range []decode.Append{c.Text, c.Raw, c.JSON} {
				write(nil, row)
			}
		}
	}
}

// FuzzPlan takes any plan out of a bundle whose checksum fits.
func FuzzPlan(f *testing.F) {
	k, err := ktype.Running()
	if err != nil {
		f.Skip(err)
	}
	for _, stored := range plans(f, k, "opensnoop", "tcpretrans", "runqlat", "offcputime", "syscount", "tcplife") {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := plan.DecodeBundle(storedPlan(t, text))
		switch {
		case err == nil:
			everything(k, b)
		case !errors.Is(err, plan.ErrDamaged) && !strings.Contains(err.Error(), "bundle holds a plan of version"):
			t.Errorf("the error is %v", err)
		}
	})
}

// Each number of a plan out of a file is made another, and each text: what comes of it is a
// tracer or an error.
func TestEditedPlans(t *testing.T) {
	k, err := ktype.Running()
	if err != nil {
		t.Skip(err)
	}
	for _, stored := range plans(t, k, "runqlat") {
		var tree any
		if err := json.Unmarshal(stored, &tree); err != nil {
			t.Fatal(err)
		}
		for _, other := range []any{-1, 7, 1 << 40, "../../x\x1b\n", nil, []any{}} {
			edit(tree, func(set func(any)) {
				set(other)
				text, err := json.Marshal(tree)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := plan.DecodeBundle(storedPlan(t, text)); err == nil {
					everything(k, b)
				}
			})
		}
	}
}

// edit gives each value of a tree to try, and puts it back.
func edit(tree any, try func(set func(any))) {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			try(func(other any) { node[key] = other })
			node[key] = value
			edit(value, try)
		}
	case []any:
		for i, value := range node {
			try(func(other any) { node[i] = other })
			node[i] = value
			edit(value, try)
		}
	}
}
