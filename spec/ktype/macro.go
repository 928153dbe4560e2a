package ktype

// Macros that no BTF holds.
func macroNames() []string { return nil }

func Macro(arch, name string) (Constant, bool) { return Constant{}, false }

func Family(arch, name string) (*Enum, bool) { return nil, false }
