package plan

// Expr is one typed expression. Which members mean something depends on Op; the rest
// are zero. Operands are in Args, left to right. Integer operands of an operator
// already have the operator's type: the checker inserts OpCast where C would convert.
type Expr struct {
	Op   Op
	Type Type
	Line int    `json:",omitempty"` // in the spec, from 1
	Args []Expr `json:",omitempty"`
	Name string `json:",omitempty"`
	Int  int64  `json:",omitempty"`
	Path []Step `json:",omitempty"`
}

// Step is one embedded member on the way from a pointer to a value: no pointer lies
// between two steps of one path.
type Step struct {
	Name  string `json:",omitempty"` // member name; "" for an array element of the step before
	Index int    `json:",omitempty"` // constant index of an array element
}

// Op is what an expression does.
type Op string

const (
	OpConst   Op = "const"   // Int; Name when it is one of Plan.Constants
	OpText    Op = "text"    // the constant string Name
	OpArg     Op = "arg"     // the body's argument Name
	OpParam   Op = "param"   // the param Name
	OpBuiltin Op = "builtin" // one of Builtins: Name

	// OpLoad reads the value at Args[0]->Path from kernel memory; Args[0] is a Pointer
	// to the struct whose tag is its Type.Name. An empty Path reads what the pointer
	// itself leads to. Type keeps BigEndian: OpHost makes it a host value.
	OpLoad Op = "load"
	// OpAddress is the address of Args[0]->Path: a Pointer, nothing is read.
	OpAddress Op = "address"
	// OpElement is the address of element Args[1] of the elements at pointer Args[0],
	// each Int bytes large.
	OpElement Op = "element"
	// OpExists is 1 when the running kernel's Args[0]->Path exists, else 0 (Bool). It is
	// answered at load; nothing is read.
	OpExists Op = "exists"

	OpHost    Op = "host"    // Args[0] from network to host order
	OpCast    Op = "cast"    // Args[0] as Type: C's conversion of integers and pointers
	OpUnary   Op = "unary"   // Name: - ~ !
	OpBinary  Op = "binary"  // Name: * / % + - << >> < <= > >= == != & ^ | && ||
	OpCond    Op = "cond"    // Args[0] ? Args[1] : Args[2]; one arm is evaluated
	OpDefault Op = "default" // Args[0], or Args[1] when a read in Args[0] failed
	OpIn      Op = "in"      // whether Args[0] equals one of Args[1:] (Bool)
	OpInParam Op = "inparam" // whether Args[0] is in the list or network of param Name (Bool)
	OpPart    Op = "part"    // part Name (Kind.Parts) of the composite Args[0]
	OpCall    Op = "call"    // function Name on Args
	OpC       Op = "c"       // function Name of the spec's own C on Args

	// OpEntry is field Name of the entry of Maps[Int] whose key Args are. Without the entry,
	// or where the field was never saved, there is no value: that is no failed read.
	OpEntry Op = "entry"
	// OpHas asks whether the entry is there and, when Name is given, has that field (Bool).
	OpHas Op = "has"
	// OpKept is field Name of the span that this body has closed; Int is 1 when the span
	// may not have it.
	OpKept Op = "kept"

	// OpStack is the running task's stack (Stack): of the kernel, or when Type.User says so
	// of the process, with Int frames at most. Without room for it in the map of stacks
	// there is no value. With an address in Args the stack is that one frame, and its
	// Meaning Symbol.
	OpStack Op = "stack"

	// In Table.Columns only:
	OpCell     Op = "cell"     // the value of Cells[Int]; absent for a least or greatest of nothing
	OpQuantile Op = "quantile" // of the histogram Args[0], an OpCell: the value that Int of a million are not above
)

// Walk calls visit on e and on every expression below it, parents first.
func (e *Expr) Walk(visit func(*Expr)) {
	visit(e)
	for i := range e.Args {
		e.Args[i].Walk(visit)
	}
}

// Fallible reports whether evaluating e can fail: something in it is read through a
// pointer, or looked up, and no default stands in for it.
func (e *Expr) Fallible() bool {
	switch e.Op {
	case OpLoad, OpEntry, OpStack:
		return true
	case OpExists, OpHas:
		return false
	case OpKept:
		return e.Int != 0
	case OpDefault:
		return e.Args[1].Fallible()
	case OpCall:
		if f, ok := Functions[e.Name]; ok && f.Fallible {
			return true
		}
	}
	for i := range e.Args {
		if e.Args[i].Fallible() {
			return true
		}
	}
	return false
}
