package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	goruntime "runtime"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// maker turns a spec into a bundle: from the cache, or by check, gen and clang.
type maker struct {
	btf     string // file with the kernel's types, "" for the running kernel's
	stderr  io.Writer
	verbose func(format string, args ...any)
}

// kernel opens the types that specs are checked against.
func (m *maker) kernel() (*ktype.Kernel, error) {
	if m.btf != "" {
		return ktype.Open(m.btf)
	}
	k, err := ktype.Running()
	if errors.Is(err, ktype.ErrNoBTF) {
		return nil, fmt.Errorf("%w: give this kernel's types with --btf FILE", err)
	}
	return k, err
}

// kernelID names the kernel's types without reading them where that can be done.
func (m *maker) kernelID() (string, error) {
	if m.btf == "" {
		return ktype.RunningID()
	}
	k, err := m.kernel()
	if err != nil {
		return "", err
	}
	return k.ID(), nil
}

// bundle makes the bundle of a spec, or finds it in the cache. Complaints about the
// spec are printed; the error is then errSpec.
func (m *maker) bundle(ctx context.Context, f *found) (*plan.Bundle, error) {
	compiler, noClang := clang.Find()
	identity := ""
	if noClang == nil {
		identity = compiler.Identity()
	}
	key, cache := m.cached(f)
	if cache != nil {
		defer cache.Close()
		b, err := cache.Get(key, identity)
		if err == nil {
			m.verbose("compiled before: cache entry %.12s", key)
			m.warnAgain(f, b)
			return b, nil
		}
		if !errors.Is(err, gen.ErrMiss) {
			m.verbose("cache: %v", err)
		}
	}

	// More than half of clang's time is its own start: let it start while BTF is read.
	var job *clang.Job
	if noClang == nil {
		var err error
		if job, err = compiler.Start(ctx, clang.Options{Arch: goruntime.GOARCH, Spec: filepath.Base(f.name), Text: f.text}); err != nil {
			return nil, err
		}
		defer job.Close()
	}
	p, err := m.check(f)
	if err != nil {
		return nil, err
	}
	if noClang != nil {
		return nil, fmt.Errorf("%s is not compiled yet: %w", f.name, noClang)
	}
	b, err := gen.Build(ctx, p, f.text, gen.Options{Arch: goruntime.GOARCH, Compiler: compiler, Job: job})
	if err != nil {
		return nil, m.explain(f, err)
	}
	m.verbose("compiled by %s: %d bytes", compiler.Path, len(b.Object))
	if cache != nil {
		if err := cache.Put(key, identity, b); err != nil {
			m.verbose("cache: %v", err)
		}
	}
	return b, nil
}

// cached opens the cache and addresses f in it; without one the cache is nil.
func (m *maker) cached(f *found) (gen.Key, *gen.Cache) {
	fail := func(err error) (gen.Key, *gen.Cache) {
		m.verbose("no cache is used: %v", err)
		return gen.Key{}, nil
	}
	id, err := gen.BuildID()
	if err != nil {
		return fail(err)
	}
	kernel, err := m.kernelID()
	if err != nil {
		return fail(err)
	}
	cache, err := gen.OpenCache(getenv)
	if err != nil {
		return fail(err)
	}
	return gen.Inputs{Name: filepath.Base(f.name), Text: f.text, Ebgen: id, Kernel: kernel, Arch: goruntime.GOARCH}.Key(), cache
}

// check parses and checks a spec and prints what it complains about.
func (m *maker) check(f *found) (*plan.Plan, error) {
	doc, diags := spec.Parse(f.name, f.text)
	k, err := m.kernel()
	if err != nil {
		if diags.Failed() { // the mistakes of the file itself are worth saying all the same
			return nil, m.complain(diags)
		}
		return nil, err
	}
	m.verbose("checked against the types of kernel %s", k.Release())
	p, diags := check.Check(doc, diags, k, check.Options{Arch: goruntime.GOARCH})
	if err := m.complain(diags); err != nil {
		return nil, err
	}
	for _, d := range diags.All() {
		p.Warnings = append(p.Warnings, plan.Warning{Start: d.Span.Start, End: d.Span.End, Message: d.Message, Hint: d.Hint})
	}
	for i := range p.Probes {
		for _, why := range p.Probes[i].Refused {
			m.verbose("%s", why)
		}
	}
	return p, nil
}

// complain prints diagnostics; the error is errSpec when one of them is an error.
func (m *maker) complain(d *source.Diagnostics) error {
	if err := d.Print(m.stderr); err != nil {
		return err
	}
	if d.Failed() {
		return errSpec
	}
	return nil
}

// warnAgain prints the warnings that a spec had when it was compiled.
func (m *maker) warnAgain(f *found, b *plan.Bundle) {
	d := source.Diagnostics{File: source.NewFile(f.name, string(f.text))}
	for _, w := range b.Plan.Warnings {
		d.Add(source.Diagnostic{Severity: source.Warning, Span: source.Span{Start: w.Start, End: w.End}, Message: w.Message, Hint: w.Hint})
	}
	_ = d.Print(m.stderr)
}

// explain prints what of an error of gen points into the spec.
func (m *maker) explain(f *found, err error) error {
	var rejected *gen.Rejected
	if !errors.As(err, &rejected) {
		return err
	}
	rejected.Diagnostics.File = source.NewFile(f.name, string(f.text))
	if m.complain(rejected.Diagnostics) == nil {
		return err
	}
	var complaints *clang.Error
	if errors.As(err, &complaints) {
		m.verbose("%s", complaints.Output)
	}
	return errSpec
}
