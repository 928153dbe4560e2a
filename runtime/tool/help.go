package tool

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/spec/plain"
)

// helpWidth is the columns of help, those of the narrowest usual terminal.
const helpWidth = 80

// FlagUsages is the help of a set of flags.
func FlagUsages(set *pflag.FlagSet) string { return set.FlagUsagesWrapped(helpWidth) }

// Help prints what a tracer says of itself: what it answers, how it is called (usage, such
// as `ebgen run opens`), its own parameters, then the flags of every tracer and those that
// more declares.
func Help(w io.Writer, description, usage string, params []Param, more func(*pflag.FlagSet)) error {
	set := newSet(usage)
	new(Options).Flags(set)
	if more != nil {
		more(set)
	}
	own := newSet(usage)
	own.SortFlags = false
	for _, p := range params {
		own.VarPF(&paramValue{typ: p.Type}, p.flag(), "", p.Help).DefValue = p.Default
		if p.Name == pidFlag {
			set.Lookup(pidFlag).Hidden = true
		}
	}
	text := fmt.Sprintf("%s\n\nUsage:\n  %s [flags]\n\n", description, usage)
	if len(params) > 0 {
		text += fmt.Sprintf("Parameters:\n%s\n", FlagUsages(own))
	}
	_, err := io.WriteString(plain.Writer(w), text+"Flags:\n"+FlagUsages(set))
	return err
}
