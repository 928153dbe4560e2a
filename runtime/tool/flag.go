package tool

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ebgen/ebgen/spec/ktype"
)

// kindsOfFlags says what the value of a flag is not, by the type that pflag gives it.
var kindsOfFlags = map[string]string{
	"duration": "a time such as 10s or 200ms",
	"uint64":   "a whole number", "uint32": "a whole number", "int": "a whole number",
	"bool": "true or false",
}

// FlagError says in the language's words what pflag says of the flags of a set: the flag that
// was perhaps meant, and what a value should be like.
func FlagError(set *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var known []string
		set.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := ktype.Nearest(unknown.GetSpecifiedName(), known); len(near) > 0 && unknown.GetSpecifiedShortnames() == "" {
			return fmt.Errorf("%w: did you mean --%s?", err, strings.Join(near, " or --"))
		}
		return err
	}
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	name, value := "--"+invalid.GetFlag().Name, invalid.GetValue()
	if kind, ok := kindsOfFlags[invalid.GetFlag().Value.Type()]; ok {
		return fmt.Errorf("%s: %q is not %s", name, value, kind)
	}
	return fmt.Errorf("%s: %w", name, errors.Unwrap(invalid))
}
