package machinery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

//ebgen:if fit

// What is read of the kernel is said in short: u16 and s32 are integers, enums and booleans
// of so many bits, * is a pointer to whatever and *sock to a struct or union, struct sock
// and union sigval are themselves, [16] is an array of so many bytes; "" is for anything.

// shapeOf says what a type of the kernel is.
func shapeOf(t btf.Type) string {
	integer := func(signed bool, size uint32) string {
		if signed {
			return fmt.Sprintf("s%d", 8*size)
		}
		return fmt.Sprintf("u%d", 8*size)
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return integer(t.Encoding == btf.Signed, t.Size)
	case *btf.Enum:
		return integer(t.Signed, t.Size)
	case *btf.Pointer:
		_, tag, _ := strings.Cut(shapeOf(t.Target), " ")
		return "*" + tag
	case *btf.Struct:
		return "struct " + t.Name
	case *btf.Union:
		return "union " + t.Name
	case *btf.Array:
		if size, err := btf.Sizeof(t); err == nil {
			return fmt.Sprintf("[%d]", size)
		}
	}
	return ""
}

// readable reports whether code made for a value of the shape want reads one of found
// right. Integers are read as wide as the kernel has them, into a value of the width that
// is known: a narrower one fits, a wider one may not.
func readable(want, found string) bool {
	var a, b byte
	var from, to int
	_, first := fmt.Sscanf(want, "%c%d", &a, &from)
	_, second := fmt.Sscanf(found, "%c%d", &b, &to)
	if first == nil && second == nil && a != '[' && b != '[' {
		return to <= from && (a == b || to < from && b == 'u')
	}
	return want == found || want == "" || want == "*" && strings.HasPrefix(found, "*")
}

//ebgen:end
//ebgen:if members

// kernelStruct is what is taken for granted of a struct or union of the kernel.
type kernelStruct struct {
	tag     string
	size    int         // bytes, where elements of an array are counted by it; 0 for any
	members [][2]string // a path with dots, and its shape, or lacking
}

// lacking is the shape of a member that would be read if it were there.
const lacking = "-"

// fits compares what is read with what this kernel has. CO-RE finds a member wherever it
// lies, and says so where there is none; it does not ask what it is. Structs of modules
// are not looked at.
func (t *Tracer) fits() error {
	types, err := t.cache.Kernel()
	if err != nil {
		return nil // the loader says what needs them
	}
	var failures []error
	for i := range kernelStructs {
		found, err := types.AnyTypesByName(kernelStructs[i].tag)
		if err != nil {
			continue
		}
		var misfits []error // by what shares the tag
		for _, holder := range found {
			misfits = append(misfits, kernelStructs[i].holds(holder))
		}
		if !slices.Contains(misfits, nil) {
			failures = append(failures, misfits[0])
		}
	}
	return errors.Join(failures...)
}

// holds compares one struct or union.
func (s *kernelStruct) holds(found btf.Type) error {
	if size, err := btf.Sizeof(found); s.size != 0 && (err != nil || size != s.size) {
		return fmt.Errorf("%s has %d bytes on this kernel, and %d in the programs", s.tag, size, s.size)
	}
	var failures []error
	for _, m := range s.members {
		shape, ok := memberShape(found, strings.Split(m[0], "."))
		switch {
		case ok && m[1] == lacking:
			failures = append(failures, fmt.Errorf("%s has a member %s on this kernel, which was not known", s.tag, m[0]))
		case ok && !readable(m[1], shape):
			failures = append(failures, fmt.Errorf("%s.%s is %s on this kernel, and %s in the programs", s.tag, m[0], shape, m[1]))
		}
	}
	return errors.Join(failures...)
}

// memberShape follows a path of members, into those without a name too.
func memberShape(t btf.Type, path []string) (string, bool) {
	var members []btf.Member
	for {
		array, ok := btf.UnderlyingType(t).(*btf.Array)
		if !ok {
			break
		}
		t = array.Type
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		switch {
		case m.Name == "":
			if shape, ok := memberShape(m.Type, path); ok {
				return shape, true
			}
		case m.Name == path[0] && len(path) == 1:
			return shapeOf(m.Type), true
		case m.Name == path[0]:
			return memberShape(m.Type, path[1:])
		}
	}
	return "", false
}

//ebgen:end
//ebgen:if arguments

// argument is one that the programs take from its place among those of a function of the
// kernel, which for a tracepoint is __traceiter_NAME.
type argument struct {
	index       int
	name, shape string // "" for any
}

// returned is behind the arguments.
const returned = "retval"

// passes compares the arguments that an alternative takes with those that the kernel
// passes: a raw tracepoint or a function may well get another one ahead of them.
func (t *Tracer) passes(a *alternative) error {
	if len(a.arguments) == 0 {
		return nil
	}
	types, err := t.cache.Kernel()
	if err != nil {
		return nil // the loader says what needs them
	}
	found, err := types.AnyTypesByName(a.function)
	if err != nil {
		return nil // there is nothing to attach to, or nothing that tells its arguments
	}
	at := slices.IndexFunc(found, func(t btf.Type) bool { _, ok := t.(*btf.Func); return ok })
	if at < 0 {
		return nil
	}
	prototype, ok := found[at].(*btf.Func).Type.(*btf.FuncProto)
	if !ok {
		return nil
	}
	for _, arg := range a.arguments {
		if arg.name == returned {
			if arg.index != len(prototype.Params) {
				return fmt.Errorf("%s: it has %d arguments on this kernel, and not %d", a.name, len(prototype.Params), arg.index)
			}
			continue
		}
		if arg.index >= len(prototype.Params) {
			return fmt.Errorf("%s: it has no argument %s on this kernel", a.name, arg.name)
		}
		have := prototype.Params[arg.index]
		if arg.name != "" && have.Name != "" && have.Name != arg.name {
			return fmt.Errorf("%s: %s is passed where %s was", a.name, have.Name, arg.name)
		}
		if shape := shapeOf(have.Type); !readable(arg.shape, shape) {
			return fmt.Errorf("%s: argument %s is %s on this kernel, and %s in the programs", a.name, arg.name, shape, arg.shape)
		}
	}
	return nil
}

//ebgen:end
