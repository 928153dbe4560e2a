package spec

// place says what the table of keys expects somewhere in a spec. The zero value is a
// place of which the table knows nothing.
type place struct {
	level Level // whose keys may stand here; "" for none
	names bool  // the keys are names of the author's, each holding one of level
	// The keys are entries of state maps, hence code; each holds one value or names.
	entries bool
	short   string // with names or entries: the key of level that a single value stands for
	code    bool   // a value here is an expression or a type
}

// place returns what is expected inside the open frames.
func (s *scanner) place() place {
	at := place{level: TopLevel}
	for _, frame := range s.stack {
		if frame.key != "" {
			at = at.child(frame.key)
		}
	}
	return at
}

// child returns what is expected after a key.
func (p place) child(name string) place {
	short, _ := findKey(p.level, p.short)
	switch {
	case p.entries:
		return place{level: p.level, names: true, short: p.short, code: short.Code}
	case p.names:
		return place{level: p.level, code: short.Code}
	}
	key, _ := findKey(p.level, name)
	return place{level: key.Holds, names: key.Named, entries: key.Entries, short: key.Short, code: key.Code}
}
