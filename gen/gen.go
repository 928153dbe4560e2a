// Package gen makes a bundle of a plan.
//
// In goes a checked plan and the text of its spec; out comes the plan with its C and the
// BPF object that clang made of it. Nothing here touches a kernel: what a spec's own C
// may do is decided by reading the object, before anything is loaded.
//
//	bundle, err := gen.Build(ctx, p, yaml, gen.Options{Arch: "amd64"})
//
// A Cache keeps bundles, so that a spec is compiled once.
package gen

import (
	"context"
	"fmt"
	"runtime"

	"github.com/ebgen/ebgen/gen/c"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// Options says how a plan is built. The zero value builds for this machine with the
// clang that clang.Find finds.
type Options struct {
	Arch     string          // of the machine to trace, as GOARCH spells it; "" for this one
	Compiler *clang.Compiler // nil for the one that is found
	Job      *clang.Job      // a compiler already started for this spec and Arch; nil starts one. Build ends it
}

// build is what the passes hand on.
type build struct {
	ctx     context.Context
	options Options
	plan    *plan.Plan
	file    *source.File
	source  string // C
	object  []byte
}

// passes lists what makes a bundle of a plan, in order.
var passes = []struct {
	name string
	run  func(*build) error
}{
	{"vet the spec's own C", (*build).vetEscape},
	{"print the C", (*build).print},
	{"compile the C", (*build).compile},
	{"strip the object", (*build).strip},
	{"vet the object", (*build).vetObject},
}

// Build prints, compiles and vets p and returns its bundle. specText is the spec that p
// was made of. An error is a *Rejected when the spec is to blame, wraps ErrBug when
// ebgen is, and else says what of this machine stands in the way: clang.ErrNoClang,
// clang.ErrLimit, the end of ctx.
func Build(ctx context.Context, p *plan.Plan, specText []byte, o Options) (*plan.Bundle, error) {
	if o.Job != nil {
		defer o.Job.Close()
	}
	b := &build{ctx: ctx, options: o, plan: p, file: source.NewFile(p.File, string(specText))}
	for _, pass := range passes {
		if err := pass.run(b); err != nil {
			return nil, fmt.Errorf("%s: %w", pass.name, err)
		}
	}
	return &plan.Bundle{Plan: p, Source: b.source, Object: b.object}, nil
}

func (b *build) vetEscape() error {
	if b.plan.C == nil {
		return nil
	}
	offset, message, ok := clang.Vet(b.plan.C.Text)
	if ok {
		return nil
	}
	before := source.NewFile("", b.plan.C.Text[:offset])
	line := b.plan.C.Line + before.Lines() - 1
	return b.rejected(nil, source.Diagnostic{Span: b.place(line, len(before.Line(before.Lines()))+1), Message: message})
}

func (b *build) print() (err error) {
	b.source, err = c.Print(b.plan)
	return err
}

func (b *build) compile() error {
	job := b.options.Job
	if job == nil {
		var err error
		if job, err = b.start(); err != nil {
			return err
		}
	}
	object, err := job.Finish(b.source)
	if err != nil {
		return b.explain(err)
	}
	b.object = object
	return nil
}

// start starts a compiler for a build that was not given one.
func (b *build) start() (*clang.Job, error) {
	compiler := b.options.Compiler
	if compiler == nil {
		var err error
		if compiler, err = clang.Find(); err != nil {
			return nil, err
		}
	}
	arch := b.options.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	return compiler.Start(b.ctx, clang.Options{Arch: arch, Spec: b.plan.File, Text: []byte(b.file.Text())})
}
