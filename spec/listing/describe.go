package listing

import (
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/probe"
)

// Argument is what expressions call args.NAME or retval in a probe.
type Argument struct {
	Name string
	Type ktype.Type
	Why  string // why it cannot be read, "" when it can
}

// Description is what a probe hands to a spec's expressions.
type Description struct {
	Args   []Argument
	Retval *Argument // nil when the probe has none
	NoArgs string    // why there are no arguments although the function has some
	Return string    // the probe that fires at the return of the same thing, or ""
}

// Describe resolves one probe without alternatives, as a spec spells it. Where several
// attachments serve it, an argument can be read when it can in all of them.
func (s Source) Describe(text string) (*Description, error) {
	candidates, err := probe.Find(s.Kernel, s.Arch, text)
	if err != nil {
		return nil, err
	}
	d := new(Description)
	for i, c := range candidates {
		args := make([]Argument, 0, len(c.Params))
		for at, p := range c.Params {
			a := argument(p)
			if i > 0 && at < len(d.Args) && a.Why == "" {
				a.Why = d.Args[at].Why
			}
			args = append(args, a)
		}
		if i == 0 || len(c.Params) > 0 {
			d.Args = args
		}
		if c.NoArgs != "" {
			d.Args, d.NoArgs = nil, c.NoArgs
		}
		d.Retval, d.Return = nil, c.ReturnProbe
		if c.Retval != nil {
			a := argument(*c.Retval)
			d.Retval = &a
		}
	}
	return d, nil
}

func argument(p probe.Param) Argument { return Argument{Name: p.Name, Type: p.Kind, Why: p.Why} }
