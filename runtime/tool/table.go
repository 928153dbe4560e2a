package tool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/spec/plan"
)

// TableOptions are the flags that stand above what a spec says of its table's reports.
type TableOptions struct {
	Interval time.Duration
	clear    bool
	sort     []string
	top      uint32
	given    func(flag string) bool
}

func (o *TableOptions) flags(set *pflag.FlagSet) {
	set.BoolVar(&o.clear, "clear", true, "of a table: report what was counted since the report before, not since the start")
	set.StringSliceVar(&o.sort, "sort", nil, "of a table: sort by these `COLUMNS`, by -COLUMN the largest first")
	set.Uint32Var(&o.top, "top", 0, "of a table: show this many `ROWS` of a report, 0 for all")
	o.given = set.Changed
}

// tableFlags says what each flag changes in the plan of a table; count is there for what
// it means then. Each is told what those before it have made.
var tableFlags = []struct {
	name  string
	apply func(o *TableOptions, p *plan.Plan) error
}{
	{"interval", (*TableOptions).setInterval},
	{"clear", (*TableOptions).setClear},
	{"sort", (*TableOptions).setSort},
	{"top", (*TableOptions).setTop},
	{"count", (*TableOptions).checkCount},
}

// errNoInterval is said of flags that mean something between two reports only.
var errNoInterval = errors.New("there is one report, at the end; --interval 1s makes one each second")

// apply puts the flags that were given in the place of what the plan says.
func (o *TableOptions) apply(p *plan.Plan) error {
	for _, f := range tableFlags {
		if !o.given(f.name) {
			continue
		}
		if p.Table == nil {
			if f.name == "count" {
				continue
			}
			return fmt.Errorf("--%s is for the rows of a table: the records of %s come one by one", f.name, p.Name)
		}
		if err := f.apply(o, p); err != nil {
			return fmt.Errorf("--%s: %w", f.name, err)
		}
	}
	return nil
}

// check refuses what no plan can make right, before one is made.
func (o *TableOptions) check() error {
	if o.given("interval") && o.Interval <= 0 {
		return fmt.Errorf("--interval: a time between two reports is longer than 0, found %s", o.Interval)
	}
	return nil
}

// setInterval needs the second map that a tracer with an interval has. A spec is compiled
// with one when the flag is there.
func (o *TableOptions) setInterval(p *plan.Plan) error {
	if !p.Maps[p.Table.Map].Double {
		return fmt.Errorf("%s was compiled for one report, at the end: run the spec instead", p.Name)
	}
	p.Output.Interval = int64(o.Interval)
	return nil
}

func (o *TableOptions) setClear(p *plan.Plan) error {
	if p.Output.Interval == 0 {
		return errNoInterval
	}
	p.Output.Keep = !o.clear
	return nil
}

func (o *TableOptions) setSort(p *plan.Plan) error {
	p.Output.Sort = nil
	for _, column := range o.sort {
		name, descending := strings.CutPrefix(column, "-")
		i := p.Record.Field(name)
		if i < 0 {
			var known []string
			for _, f := range p.Record.Fields {
				known = append(known, f.Name)
			}
			return &decode.ColumnError{Name: name, Known: known}
		}
		if p.Record.Fields[i].Type.Kind == plan.Hist {
			return fmt.Errorf("%s is a histogram, which has no order", name)
		}
		if slices.ContainsFunc(p.Output.Sort, func(k plan.SortKey) bool { return k.Field == i }) {
			return &decode.ColumnError{Name: name, Twice: true}
		}
		p.Output.Sort = append(p.Output.Sort, plan.SortKey{Field: i, Descending: descending})
	}
	return nil
}

func (o *TableOptions) setTop(p *plan.Plan) error {
	p.Output.Top = int(o.top)
	return nil
}

func (o *TableOptions) checkCount(p *plan.Plan) error {
	if p.Output.Interval == 0 {
		return errNoInterval
	}
	return nil
}
