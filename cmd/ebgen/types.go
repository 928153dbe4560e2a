package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebgen/ebgen/spec/ktype"
)

type typesOptions struct {
	btf    string
	format string
}

func newTypes() *cobra.Command {
	o := new(typesOptions)
	cmd := &cobra.Command{
		Use:   "types NAME[.MEMBER]…",
		Short: "Show a kernel type: members, offsets, values, prototypes",
		Long: `Shows what a name stands for in the kernel: a struct with offsets and sizes, an
enum or an enumerator with its values, a typedef, a function's prototype. After
a dot a member is found, also in structs that are embedded, and a path is
followed through pointers: it is how a spec would write it.`,
		Example: `  ebgen types sock.skc_dport               where it is, and how to write it
  ebgen types sock.sk_socket.file.f_inode  through pointers
  ebgen types TCP_CLOSE_WAIT               its value, and those beside it`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("-o", o.format, "text", "json"); err != nil {
				return usageError{err}
			}
			return showType(plainOut(cmd), o, strings.Join(args, " "))
		},
	}
	cmd.Flags().StringVar(&o.btf, "btf", "", "`FILE` with the types of the kernel to look into")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "`FORMAT`: text or json")
	return cmd
}

func showType(w io.Writer, o *typesOptions, text string) error {
	k, err := (&maker{btf: o.btf}).kernel()
	if err != nil {
		return err
	}
	found, err := k.Lookup(text)
	if err != nil {
		return withHint(err)
	}
	if o.format == "json" {
		return writeJSON(w, typeAsJSON(found))
	}
	b := bufio.NewWriter(w)
	writeFound(b, text, found)
	return b.Flush()
}

// withHint adds the nearest names to the error of a name that a kernel does not have.
func withHint(err error) error {
	var near []string
	var missing *ktype.NotFound
	var member *ktype.NoMember
	switch {
	case errors.As(err, &missing):
		near = missing.Nearest()
	case errors.As(err, &member):
		near = member.Nearest
	}
	if len(near) == 0 {
		return err
	}
	return fmt.Errorf("%w\nhint: did you mean %s?", err, strings.Join(near[:min(3, len(near))], ", "))
}

func writeFound(w *bufio.Writer, text string, f *ktype.Found) {
	switch {
	case f.Function != nil:
		writeFunction(w, f.Function)
		return
	case f.Constant != nil:
		fmt.Fprintf(w, "%s is %d (0x%x)\n\n", f.Constant.Name, f.Constant.Value, f.Constant.Value)
	case f.Aliased != "" && f.Type.Kind != ktype.Struct && f.Enum == nil:
		writeAlias(w, f)
		return
	}
	for i, s := range f.Steps {
		if i == 0 {
			name, _, _ := strings.Cut(text, ".")
			fmt.Fprintf(w, "%s%s\n\n", strings.TrimSpace(name), pathOf(f.Steps))
		}
		fmt.Fprintf(w, "%7s %5s  %s  in %s\n", offset(s.Member.Offset, s.Member.Bits), sized(s.Member), declared(s), s.In)
		if s.Member.Type.BigEndian {
			fmt.Fprintf(w, "%14s it is in network order, and read in host order: compare as written\n", "")
		}
	}
	if len(f.Steps) > 0 && (f.Type.Kind == ktype.Struct || f.Enum != nil) {
		w.WriteByte('\n')
	}
	switch {
	case f.Enum != nil:
		writeEnum(w, f)
	case f.Type.Kind == ktype.Struct:
		writeStruct(w, f.Type)
	case len(f.Steps) == 0:
		fmt.Fprintf(w, "%s: %s\n", f.Type, described(f.Type))
	}
}

// writeAlias prints what a typedef stands for, or a type of C by itself.
func writeAlias(w *bufio.Writer, f *ktype.Found) {
	if f.Type.Underlying() == f.Aliased {
		fmt.Fprintf(w, "%s: %s\n", f.Aliased, described(f.Type))
		return
	}
	fmt.Fprintf(w, "typedef %s: %s, %s\n", f.Aliased, f.Type.Underlying(), described(f.Type))
}

// pathOf is the way of a path as an expression has it.
func pathOf(steps []ktype.Step) string {
	text := ""
	for _, s := range steps {
		text += "." + s.Path
	}
	return text
}

// described is what else there is to say of a value.
func described(t ktype.Type) string {
	text := fmt.Sprintf("%d bytes", t.Size)
	if t.Size == 1 {
		text = "1 byte"
	}
	if t.Signed {
		text += ", signed"
	}
	if t.BigEndian {
		text += ", in network order: read in host order"
	}
	return text
}

// declared is a member as C declares it.
func declared(s ktype.Step) string {
	text := s.Member.Type.Spell(s.Path)
	if s.Member.Bits > 0 {
		text += fmt.Sprintf(" : %d", s.Member.Bits)
	}
	return text
}

// offset is bytes, and for a bit field the bit too.
func offset(bits, width int) string {
	if width > 0 {
		return fmt.Sprintf("%d:%d", bits/8, bits%8)
	}
	return fmt.Sprint(bits / 8)
}

func sized(m ktype.Member) string {
	if m.Bits > 0 {
		return ""
	}
	return fmt.Sprint(m.Type.Size)
}

func writeStruct(w *bufio.Writer, t ktype.Type) {
	rows := t.Layout()
	if len(rows) == 0 {
		fmt.Fprintf(w, "%s is only declared in this kernel's BTF: its members are not known\n", t)
		return
	}
	head := "struct"
	if t.Union {
		head = "union"
	}
	if t.Name != "" {
		head += " " + t.Name
	}
	if t.Typedef != "" {
		head += ", typedef " + t.Typedef
	}
	fmt.Fprintf(w, "%s, %d bytes\n offset  size\n", head, t.Size)
	for _, r := range rows {
		at, size := "", ""
		if r.Offset >= 0 {
			at = offset(r.Offset, r.Bits)
		}
		if r.Bits == 0 && r.Offset >= 0 {
			size = fmt.Sprint(r.Size)
		}
		fmt.Fprintf(w, "%7s %5s  %s%s\n", at, size, strings.Repeat("    ", r.Depth), r.Text)
	}
}

func writeEnum(w *bufio.Writer, f *ktype.Found) {
	e := f.Enum
	head := "an enum without a name"
	switch {
	case e.Tag != "":
		head = "enum " + e.Tag
	case e.Name != "" && e.Size > 0:
		head = "shown by the cast (" + e.Name + ")"
	case e.Name != "":
		head = "macros, shown by the cast (" + e.Name + ")"
	}
	if e.Size > 0 {
		head += fmt.Sprintf(", %d bytes", e.Size)
	}
	if e.Flags {
		head += ", bits that combine"
	}
	fmt.Fprintln(w, head)
	for _, v := range e.Values {
		mark := ""
		if f.Constant != nil && v.Name == f.Constant.Name {
			mark = "  <--"
		}
		fmt.Fprintf(w, "%12d  %s%s\n", v.Value, v.Name, mark)
	}
}

func writeFunction(w *bufio.Writer, sig *ktype.Signature) {
	result := "void"
	if !sig.Void {
		result = sig.Return.String()
	}
	fmt.Fprintf(w, "%s %s(", result, sig.Name)
	for i, p := range sig.Params {
		if i > 0 {
			w.WriteString(",")
		}
		fmt.Fprintf(w, "\n    %s", p.Type.Spell(p.Name))
	}
	if len(sig.Params) == 0 {
		w.WriteString("void")
	}
	w.WriteString(")\n")
	if sig.Module != "" {
		fmt.Fprintf(w, "of the module %s\n", sig.Module)
	}
}

// typeJSON is what -o json prints of a type. Members of anonymous structs and unions stand
// among those of the struct around them, as expressions name them.
type typeJSON struct {
	Kind     string         `json:"kind"` // struct, union, enum, function, constant, or another type's
	Type     string         `json:"type,omitempty"`
	Size     int            `json:"size,omitempty"`
	Path     []memberJSON   `json:"path,omitempty"`
	Members  []memberJSON   `json:"members,omitempty"`
	Values   []valueJSON    `json:"values,omitempty"`
	Value    *int64         `json:"value,omitempty"`
	Args     []argumentJSON `json:"args,omitempty"`
	Returns  string         `json:"returns,omitempty"`
	Module   string         `json:"module,omitempty"`
	Pointer  bool           `json:"pointer,omitempty"` // the path ends in a pointer to the type
	BigOrder bool           `json:"network_order,omitempty"`
}

type memberJSON struct {
	In     string `json:"in,omitempty"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Offset int    `json:"offset"` // bytes
	Size   int    `json:"size"`
	Bit    *int   `json:"bit,omitempty"`  // of a bit field: where it begins in the byte at offset
	Bits   int    `json:"bits,omitempty"` // and how wide it is
}

type valueJSON struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

func typeAsJSON(f *ktype.Found) typeJSON {
	if sig := f.Function; sig != nil {
		j := typeJSON{Kind: "function", Type: sig.String(), Module: sig.Module, Returns: "void"}
		if !sig.Void {
			j.Returns = sig.Return.String()
		}
		for _, p := range sig.Params {
			j.Args = append(j.Args, argumentJSON{Name: p.Name, Type: p.Type.String()})
		}
		return j
	}
	j := typeJSON{Kind: string(f.Type.Kind), Type: f.Type.String(), Size: f.Type.Size, Pointer: f.IsPointer, BigOrder: f.Type.BigEndian}
	if f.Type.Union {
		j.Kind = "union"
	}
	if f.Constant != nil {
		j.Kind, j.Value = "constant", &f.Constant.Value
	}
	for _, s := range f.Steps {
		m := memberAsJSON(s.Member)
		m.In, m.Name = s.In.String(), s.Path
		j.Path = append(j.Path, m)
	}
	if f.Type.Kind == ktype.Struct {
		for _, m := range f.Type.Members() {
			j.Members = append(j.Members, memberAsJSON(m))
		}
	}
	if f.Enum != nil {
		for _, v := range f.Enum.Values {
			j.Values = append(j.Values, valueJSON{v.Name, v.Value})
		}
	}
	return j
}

func memberAsJSON(m ktype.Member) memberJSON {
	j := memberJSON{Name: m.Name, Type: m.Type.String(), Offset: m.Offset / 8, Size: m.Type.Size, Bits: m.Bits}
	if m.Bits > 0 {
		bit := m.Offset % 8
		j.Bit = &bit
	}
	return j
}
