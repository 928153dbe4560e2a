package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"github.com/ebgen/ebgen/gen"
	"github.com/ebgen/ebgen/gen/clang"
	"github.com/ebgen/ebgen/runtime/tool"
	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/check"
	"github.com/ebgen/ebgen/spec/fit"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/source"
)

// maker turns a spec into a bundle: from the cache, or by check, gen and clang.
type maker struct {
	btf      string              // file with the kernel's types, "" for the running kernel's
	params   map[string][]string // given on the command line, as flags do
	interval time.Duration       // between two reports of a table, in place of what the spec says; 0 for that
	stderr   io.Writer
	verbose  func(format string, args ...any)
	opened   *ktype.Kernel // once it was asked for
	lint     bool          // whether specs are looked at for what is hardly meant

	refusals map[plan.AttachKind]string // why this kernel refuses ways to trace, once it was asked
	mayAsk   bool
}

// options are the options of the command line that a bundle depends on. How long an
// interval is does not matter to the tracer, but that there is one does: it then counts
// in two maps by turns. Values are of params that say what is traced.
func (m *maker) options(values map[string]string) string {
	var options []string
	if m.interval > 0 {
		options = append(options, "interval")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		options = append(options, fmt.Sprintf("%s=%q", name, values[name]))
	}
	return strings.Join(options, " ")
}

// values are what is given for the params that probes speak of.
func (m *maker) values(f *found) map[string]string {
	doc := f.document()
	values := map[string]string{}
	for name := range check.Targets(doc) {
		if given := m.params[name]; len(given) > 0 {
			values[name] = given[len(given)-1]
		}
	}
	return values
}

// kernel opens the types that specs are checked against, once.
func (m *maker) kernel() (*ktype.Kernel, error) {
	if m.opened != nil {
		return m.opened, nil
	}
	k, err := m.open()
	if err == nil {
		m.opened = k
	}
	return k, err
}

func (m *maker) open() (*ktype.Kernel, error) {
	if m.btf != "" {
		return openKernel(m.btf)
	}
	return tool.Running()
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

	if b := m.ahead(f); b != nil {
		return b, nil
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
	p, k, err := m.check(f)
	if err != nil {
		return nil, err
	}
	p.Direct = p.Direct && k.Running() // a kernel that does not tell its types has no functions to call
	exact, err := fit.Exact(p, k)
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
	b.Knows(exact)
	m.verbose("compiled by %s: %d bytes", compiler.Path, len(b.Object))
	if cache != nil {
		if err := cache.Put(key, identity, b); err != nil {
			m.verbose("cache: %v", err)
		}
	}
	return b, nil
}

// ahead is the tracer of a spec of the catalogue that was compiled into ebgen, if it is
// what would be compiled now and fits this kernel; else nil.
func (m *maker) ahead(f *found) *plan.Bundle {
	archive := catalogue()
	if archive == nil || m.interval > 0 || len(m.values(f)) > 0 {
		return nil
	}
	sum := plan.SpecSum(f.text)
	entries := archive.Entries()
	at := slices.IndexFunc(entries, func(e plan.Entry) bool { return e.Spec == sum })
	if at < 0 {
		return nil
	}
	b, err := fit.Choose(archive, entries[at].Name, tool.Host(m.btf))
	if err != nil {
		m.verbose("what was compiled ahead of time is not taken: %v", err)
		return nil
	}
	m.verbose("compiled ahead of time for Linux %s", b.Plan.Kernel)
	m.warnAgain(f, b)
	return b
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
	return gen.Inputs{Name: filepath.Base(f.name), Text: f.text, Ebgen: id, Kernel: kernel, Arch: goruntime.GOARCH, Options: m.options(m.values(f))}.Key(), cache
}

// check parses and checks a spec against the kernel's types, which it returns too, and
// prints what it complains about.
func (m *maker) check(f *found) (*plan.Plan, *ktype.Kernel, error) {
	doc, diags := spec.Parse(f.name, f.text)
	k, err := m.kernel()
	if err != nil {
		if diags.Failed() { // the mistakes of the file itself are worth saying all the same
			return nil, nil, m.complain(diags)
		}
		return nil, nil, err
	}
	p, err := m.checkAgainst(f, doc, diags, k, goruntime.GOARCH)
	return p, k, err
}

// checkFor parses and checks a spec against the types of a kernel.
func (m *maker) checkFor(f *found, k *ktype.Kernel, arch string) (*plan.Plan, error) {
	doc, diags := spec.Parse(f.name, f.text)
	return m.checkAgainst(f, doc, diags, k, arch)
}

func (m *maker) checkAgainst(f *found, doc *spec.Document, diags *source.Diagnostics, k *ktype.Kernel, arch string) (*plan.Plan, error) {
	m.verbose("checked against the types of kernel %s", k.Release())
	p, diags := check.Check(doc, diags, k, check.Options{Arch: arch, Interval: int64(m.interval), Values: m.values(f), Lint: m.lint})
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
