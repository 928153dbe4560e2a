package probe

import (
	"github.com/ebgen/ebgen/spec/ktype"
	"github.com/ebgen/ebgen/spec/plan"
)

// PlanType is the plan's view of a kernel type.
func PlanType(t ktype.Type) plan.Type {
	switch t.Kind {
	case ktype.Int:
		return plan.Type{Kind: plan.Int, Size: t.Size, Signed: t.Signed, BigEndian: t.BigEndian}
	case ktype.Bool:
		return plan.Type{Kind: plan.Bool, Size: 1}
	case ktype.Enumer:
		return plan.Type{Kind: plan.Enumer, Size: t.Size, Signed: t.Signed, Name: t.Name}
	case ktype.Pointer:
		p := PointerTo(t.Elem())
		p.User = t.User
		return p
	case ktype.Array:
		p := PointerTo(t.Elem())
		p.Kind, p.Size, p.Len = plan.Array, t.Size, t.Len
		return p
	case ktype.Struct:
		return plan.Type{Kind: plan.Aggregate, Size: t.Size, Name: t.Name, Union: t.Union}
	}
	return plan.Type{}
}

// PlanEnum is the plan's view of the names of an enum.
func PlanEnum(e *ktype.Enum) plan.Enum {
	p := plan.Enum{Name: e.Name, Flags: e.Flags, First: e.First}
	for _, v := range e.Values {
		p.Values = append(p.Values, plan.EnumValue(v))
	}
	for _, v := range e.Also {
		p.Also = append(p.Also, plan.EnumValue(v))
	}
	return p
}

// PointerTo is the type of a pointer to elem, eight bytes on every machine that BPF
// programs of 64-bit kernels see.
func PointerTo(elem ktype.Type) plan.Type {
	p := PlanType(elem)
	t := plan.Type{Kind: plan.Pointer, Size: 8, Elem: p.Kind, ElemSize: elem.Size, ElemSigned: p.Signed, User: false}
	if p.Kind == plan.Aggregate || p.Kind == plan.Enumer {
		t.Name, t.Union = p.Name, p.Union
	}
	if p.Kind == plan.Aggregate && p.Name != "" {
		t.ElemSize = 0 // it differs between kernels: what depends on it is one of the plan's Facts
	}
	if p.Kind == plan.Pointer || p.Kind == plan.Void {
		t.Elem, t.ElemSize = p.Kind, 8
		if p.Kind == plan.Void {
			t.ElemSize = 0
		}
	}
	return t
}

// Scalar reports whether a place of this type can be read as one value.
func Scalar(t ktype.Type) bool {
	switch t.Kind {
	case ktype.Int, ktype.Bool, ktype.Enumer, ktype.Pointer:
		return true
	}
	return false
}
