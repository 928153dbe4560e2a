package expr

import "testing"

// FuzzParse wants a tree that prints and has exact places, or a complaint in bounds.
func FuzzParse(f *testing.F) {
	for _, c := range valid {
		f.Add(c.text)
	}
	for _, c := range wrong {
		text, _ := unmark(c.text)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text, isTestType)
		if err != nil {
			checkError(t, text, err)
			return
		}
		checkTree(t, text, n, isTestType)
	})
}

// FuzzParseType wants a type that prints and parses to itself, or a complaint in bounds.
func FuzzParseType(f *testing.F) {
	for _, text := range []string{"u32", "struct sock *", "unsigned long long", "const char*const*", "struct", "enum 1", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseType(text)
		if err != nil {
			checkError(t, text, err)
			return
		}
		checkType(t, text, name)
		again, err := ParseType(name.String())
		if err != nil || !sameType(again, name) {
			t.Errorf("%q prints as %q: %v", text, name, err)
		}
	})
}
