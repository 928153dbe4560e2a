package runtime

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebgen/ebgen/spec/plan"
)

// Params are the values of a tracer's params, by the param's name. A param that is not
// in it has no value: the filters that use it are off.
type Params map[string][]plan.Value

// ParamError is a value that does not fit its param.
type ParamError struct {
	Param string // its name; the flag is Flag(Param)
	Text  string // as given
	Why   string // continues the text: "does not fit u16"
}

// Error is `--port: 70000 does not fit u16`.
func (e *ParamError) Error() string {
	text := e.Text
	if text == "" {
		text = "''"
	}
	return fmt.Sprintf("%s: %s %s", Flag(e.Param), text, e.Why)
}

// Flag returns the command-line flag of a param: the name with dashes.
func Flag(param string) string { return "--" + strings.ReplaceAll(param, "_", "-") }

// ParseParams turns texts, as flags give them, into values; the texts of one param are
// its flag's occurrences. Params without a text take their default. A list takes
// several texts and several values in one text, parted by commas; of any other param
// the last text counts. A Fixed param takes its default alone. The error joins one *ParamError for each text that is wrong.
func ParseParams(p *plan.Plan, texts map[string][]string) (Params, error) {
	values := make(Params)
	var wrong []error
	known := make(map[string]bool)
	for i := range p.Params {
		param := &p.Params[i]
		known[param.Name] = true
		given := texts[param.Name]
		if len(given) == 0 && param.Given {
			given = []string{param.Default}
		}
		if len(given) == 0 {
			continue
		}
		parts := given[len(given)-1:]
		if param.Fixed && parts[0] != param.Default {
			wrong = append(wrong, &ParamError{Param: param.Name, Text: parts[0], Why: "is not what the tracer was compiled for: " + param.Default})
			continue
		}
		if param.List {
			parts = nil
			for _, text := range given {
				parts = append(parts, strings.Split(text, ",")...)
			}
		}
		for _, text := range parts {
			if param.List {
				text = strings.TrimSpace(text)
			}
			v, err := plan.ParseValue(param.Type, p.Enums, text)
			if err != nil {
				wrong = append(wrong, &ParamError{Param: param.Name, Text: text, Why: err.Error()})
				continue
			}
			if !slices.ContainsFunc(values[param.Name], func(o plan.Value) bool { return string(o) == string(v) }) {
				values[param.Name] = append(values[param.Name], v)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !known[name] {
			wrong = append(wrong, &ParamError{Param: name, Text: strings.Join(texts[name], ","), Why: "is for a param that the tracer does not have"})
		}
	}
	return values, errors.Join(wrong...)
}
