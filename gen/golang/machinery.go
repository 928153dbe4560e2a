package golang

import (
	"embed"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed internal/machinery/*.go
var machineryFiles embed.FS

const machineryDir = "internal/machinery"

// machineryNeeds says which files of the machinery a package has, by a feature; "" for any.
var machineryNeeds = []struct{ file, feature string }{
	{"attach.go", ""},
	{"kernel.go", ""},
	{"fit.go", "fit"},
	{"iterate.go", "iterator"},
	{"params.go", "params"},
	{"ring.go", "ring"},
	{"table.go", "table"},
	{"values.go", "values"},
}

// valueFeatures are those of values.go.
var valueFeatures = []string{"ip", "flow", "instant", "result", "histogram", "flagnames", "text", "finite", "truth"}

// machinery returns what the package needs of the machinery.
func (g *printer) machinery() ([]File, error) {
	g.has["iterator"] = g.has["anyiterator"] || g.has["owners"]
	g.has["params"] = len(settable(g.Plan)) > 0
	g.has["fit"] = g.has["members"] || g.has["arguments"]
	g.has["values"] = slices.ContainsFunc(valueFeatures, func(name string) bool { return g.has[name] })
	var files []File
	for _, one := range machineryNeeds {
		if one.feature != "" && !g.has[one.feature] {
			continue
		}
		text, err := machineryFiles.ReadFile(path.Join(machineryDir, one.file))
		if err != nil {
			return nil, err
		}
		data, err := g.adapt(one.file, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.file, err)
		}
		if data == nil {
			continue
		}
		files = append(files, File{one.file, data})
	}
	return files, nil
}

// adapt makes a file of the package of one of the machinery, nil when nothing is left of it.
func (g *printer) adapt(name, text string) ([]byte, error) {
	kept, err := g.has.keep(text)
	if err != nil {
		return nil, err
	}
	if kept, err = dropImports(name, kept); err != nil || kept == "" {
		return nil, err
	}
	kept = strings.Replace(kept, "package machinery\n", "package "+g.Name+"\n", 1)
	return format.Source([]byte(g.header() + "\n\n//go:build linux\n\n" + kept))
}

// keep leaves out the lines of `//ebgen:if NAME` whose name does not hold. Lines behind
// `//ebgen:else` are comments, so that the machinery compiles; they lose their slashes.
func (has features) keep(text string) (string, error) {
	type region struct {
		name          string
		outer, inElse bool
	}
	var b strings.Builder
	var open []region
	keep := true
	for line := range strings.Lines(text) {
		word := strings.TrimSpace(line)
		name, isIf := strings.CutPrefix(word, "//ebgen:if ")
		switch {
		case isIf:
			open = append(open, region{name: name, outer: keep})
			keep = keep && has[name]
		case word == "//ebgen:else" && len(open) > 0:
			r := &open[len(open)-1]
			r.inElse = true
			keep = r.outer && !has[r.name]
		case word == "//ebgen:end" && len(open) > 0:
			keep = open[len(open)-1].outer
			open = open[:len(open)-1]
		case strings.HasPrefix(word, "//ebgen:"):
			return "", fmt.Errorf("%s stands where it means nothing", word)
		case keep && len(open) > 0 && open[len(open)-1].inElse:
			b.WriteString(strings.TrimPrefix(word, "//") + "\n")
		case keep:
			b.WriteString(line)
		}
	}
	if len(open) > 0 {
		return "", fmt.Errorf("//ebgen:if %s has no end", open[0].name)
	}
	return b.String(), nil
}

// dropImports takes out the imports that are of no use any more; of a file that declares
// nothing else it leaves nothing.
func dropImports(name, text string) (string, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return "", err
	}
	used := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	if len(f.Decls) == 0 || len(f.Decls) == 1 && len(f.Imports) > 0 {
		return "", nil
	}
	lines := strings.SplitAfter(text, "\n")
	for _, spec := range f.Imports {
		as, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return "", err
		}
		as = path.Base(as)
		if spec.Name != nil {
			as = spec.Name.Name
		}
		if !used[as] {
			lines[set.Position(spec.Pos()).Line-1] = ""
		}
	}
	text = strings.ReplaceAll(strings.Join(lines, ""), "import (\n\n", "import (\n")
	text = strings.ReplaceAll(text, "import (\n)\n\n", "")
	return strings.Replace(text, "\n\n)\n", "\n)\n", 1), nil
}

// scope returns the names that the machinery, and what is printed beside it, has in a
// package: those of the spec make way for them.
func scope() (*names, error) {
	taken := newNames("Params", "Event", "EventSize", "Key", "KeySize", "Value", "ValueSize", "Row", "Counts", "Owner", "Absent",
		"object", "probes", "ownerProbes", "ownerWays", "ownerSweep", "kernelStructs", "tableMaps", "makeRow", "Load", "init", "main")
	for _, one := range machineryNeeds {
		f, err := parser.ParseFile(token.NewFileSet(), one.file, mustRead(one.file), 0)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					taken.take(d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						taken.take(s.Name.Name)
					case *ast.ValueSpec:
						for _, n := range s.Names {
							taken.take(n.Name)
						}
					}
				}
			}
		}
	}
	return taken, nil
}

// mustRead reads an embedded file that is there.
func mustRead(name string) []byte {
	text, err := machineryFiles.ReadFile(path.Join(machineryDir, name))
	if err != nil {
		panic(err)
	}
	return text
}
