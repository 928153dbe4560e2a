package check

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ebgen/ebgen/spec"
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
	"github.com/ebgen/ebgen/spec/probe"
	"github.com/ebgen/ebgen/spec/source"
)

// reference is a param within a probe; braces end its name where more letters follow:
// function:${fs}_sync_file.
var reference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$[A-Za-z_][A-Za-z0-9_]*|\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
})

// referred is the name of the param of a reference.
func referred(r string) string { return strings.Trim(r, "${}") }

// Targets lists the params that probes of a document speak of: `function:$target`. Their
// values are needed before it is checked.
func Targets(doc *spec.Document) map[string]bool {
	names := map[string]bool{}
	for _, s := range probesOf(doc) {
		for _, r := range reference().FindAllString(s.Value, -1) {
			names[referred(r)] = true
		}
	}
	return names
}

// probesOf lists the scalars of a document that are probes.
func probesOf(doc *spec.Document) []spec.Scalar {
	var list []spec.Scalar
	for _, p := range doc.Probes {
		list = append(list, p.Targets...)
	}
	if doc.Span.Short.Given() {
		list = append(list, doc.Span.Short)
	}
	points := append(append(append([]spec.Point{}, doc.Span.Start...), doc.Span.End...), doc.Span.Cancel...)
	for _, s := range doc.Stages {
		points = append(points, s.Points...)
	}
	for _, p := range points {
		list = append(list, p.Probe)
	}
	return list
}

// fixTargets gives the params that probes speak of the value that they have from here on:
// no other can be given to what is compiled.
func (c *checker) fixTargets() {
	for i := range c.params {
		p := &c.params[i]
		if p.Fixed = Targets(c.doc)[p.Name]; !p.Fixed {
			continue
		}
		if text, ok := c.options.Values[p.Name]; ok {
			p.Default, p.Given = text, true
		}
		at := slices.IndexFunc(c.doc.Params, func(d spec.Param) bool { return d.Name.Value == p.Name })
		if p.List || p.Type.Kind != plan.String && !fixedNumber(p) {
			c.diags.Errorf(c.doc.Params[at].Type.Span(), "%s is a part of a probe, so it has to be a string or a number", p.Name).Hint = "type: string(256) has room for a path"
			continue
		}
		if _, given := c.options.Values[p.Name]; given {
			if _, err := p.Parse(c.plan.Enums, p.Default); err != nil {
				c.diags.Errorf(c.doc.Params[at].Name.Span(), "--%s: %v", strings.ReplaceAll(p.Name, "_", "-"), err)
			}
		}
	}
}

// fixedNumber reports whether a param is a plain number that is the same for as long as the
// tracer runs, so that it is a constant to expressions.
func fixedNumber(p *plan.Param) bool {
	return p.Fixed && !p.List && p.Type.Kind == plan.Int && p.Type.Meaning == plan.Plain
}

// substitute puts the values of params into a probe.
func (c *checker) substitute(s spec.Scalar, a *alternative) (ok bool) {
	ok = true
	a.text = reference().ReplaceAllStringFunc(a.text, func(r string) string {
		var names []string
		name, within := referred(r), ""
		for _, p := range c.params {
			if p.Name == name {
				if p.Given {
					return p.Default
				}
				c.diags.Errorf(s.At(a.span), "$%s has no value", name).Hint = "give it a default, or run the spec with --" + strings.ReplaceAll(p.Name, "_", "-")
				ok = false
				return r
			}
			names = append(names, "$"+p.Name)
			if rest, ok := strings.CutPrefix(name, p.Name+"_"); ok {
				within = "${" + p.Name + "}_" + rest
			}
		}
		if ok = false; !c.misdeclared[name] {
			d := c.diags.Errorf(s.At(a.span), "no parameter is named %q", name)
			if within != "" {
				d.Hint = "did you mean " + within + "?"
			} else if near := ktype.Nearest("$"+name, names); len(near) > 0 {
				d.Hint = "did you mean " + source.OrList(near) + "?"
			} else {
				d.Hint = "declare it: params: {" + name + ": {type: string(256)}}"
			}
		}
		return r
	})
	return ok
}

// alternative is one spelling between the bars of `a | b`.
type alternative struct {
	text string
	span source.Span // in the probe's scalar
}

// resolve finds what an alternative means on this kernel: its candidates, or why there
// are none. A spelling that is wrong on every kernel is reported and gives neither.
func (c *checker) resolve(s spec.Scalar, a alternative) ([]probe.Candidate, error) {
	found, err := probe.Find(c.kernel, c.arch, a.text)
	var wrong *probe.Misspelled
	if errors.As(err, &wrong) {
		c.diags.Errorf(s.At(a.span), "%s", wrong.Message).Hint = wrong.Hint
		return nil, nil
	}
	return found, err
}

// noProbe is the alternative that is taken where no other can be.
const noProbe = "none"

// cutNone takes none off a probe that ends with this alternative.
func cutNone(s spec.Scalar) (before string, none bool) {
	i := strings.LastIndexByte(s.Value, '|')
	if i < 0 || strings.TrimSpace(s.Value[:i]) == "" || strings.TrimSpace(s.Value[i+1:]) != noProbe {
		return s.Value, false
	}
	return s.Value[:i], true
}

// Each alternative is looked for among the kernel's types, and all that is to be done at a
// probe is checked against it.
const (
	mostAlternatives = 64   // of a probe
	mostSpellings    = 1024 // of all probes
)

// alternatives are the spellings between the bars of a probe `a | b`, with the values of
// params in them; none, which may end them, is not among them. One that lacks a value is
// left out, after a complaint.
func (c *checker) alternatives(s spec.Scalar) []alternative {
	text, _ := cutNone(s)
	var list []alternative
	at := 0
	for i, part := range strings.Split(text, "|") {
		text := strings.TrimSpace(part)
		start := at + strings.Index(part, text)
		one := alternative{text, source.Span{Start: start, End: start + len(text)}}
		c.spellings++
		switch {
		case c.spellings > mostSpellings:
			if c.spellings == mostSpellings+1 {
				c.diags.Errorf(s.At(one.span), "that are more than %d probes and alternatives", mostSpellings)
			}
			return nil
		case i == mostAlternatives:
			c.diags.Errorf(s.At(one.span), "that are more than %d alternatives of a probe", mostAlternatives)
			return nil
		}
		if text == noProbe {
			c.diags.Errorf(s.At(one.span), "none stands last, behind what it is there for").Hint = "probe: syscall:openat2 | none"
		} else if c.substitute(s, &one) {
			list = append(list, one)
		}
		at += len(part) + 1
	}
	return list
}
