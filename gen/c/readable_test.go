package c

import (
	"bytes"
	"debug/elf"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const directed = `static int helper(void)
#line 2 "t.bpf.c"
{
	return 0;
}
#line 3 "t.yaml"
static int t(const struct sock *sk)
{
	long err;

#line 7 "t.yaml"
	if (given)
#line 7 "t.yaml"
		return 0;
#line 3 "t.yaml"
	e = reserve();
#line 5 "t.yaml"
	if (sk) {
#line 9 "t.yaml"
		err = 1;
	}
#line 5 "t.yaml"
	e->b = err;
#line 6 "t.yaml"
	e->c = 0;
#line 99 "t.yaml"
	return 0;
}
#line 30 "t.bpf.c"

char LICENSE[];`

func TestReadable(t *testing.T) {
	const said = `name: t
# nothing
probe: rawtracepoint:x
fields:
  b: args.sk ?? 1   # */ ends no comment
  - c: 0
filter: $given
`
	want := func(b, c, filter string) string {
		return `static int helper(void)
{
	return 0;
}
static int t(const struct sock *sk)
{
	long err;

	/* ` + filter + ` */
	if (given)
		return 0;
	e = reserve();
	/* ` + b + ` */
	if (sk) {
		err = 1;
	}
	e->b = err;
	/* ` + c + ` */
	e->c = 0;
	/* t.yaml:99 */
	return 0;
}

char LICENSE[];`
	}
	if diff := cmp.Diff(want("b: args.sk ?? 1   # * / ends no comment", "c: 0", "filter: $given"), Readable(directed, []byte(said))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want("t.yaml:5", "t.yaml:6", "t.yaml:7"), Readable(directed, nil)); diff != "" {
		t.Errorf("without the spec, -want +got:\n%s", diff)
	}
}

// What is written for people is the same program.
func TestReadableIsTheSame(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		t.Run(name, func(t *testing.T) {
			text := printed(t, plans[name]())
			readable := Readable(text, nil)
			if strings.Contains(readable, "#line") {
				t.Error("a #line is left")
			}
			want, got := instructions(t, compile(t, "clang", "x86", text)), instructions(t, compile(t, "clang", "x86", readable))
			if len(want) == 0 || !maps.EqualFunc(want, got, bytes.Equal) {
				t.Errorf("other instructions: sections %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		})
	}
}

// instructions are those of an object, by section.
func instructions(t *testing.T, object []byte) map[string][]byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR == 0 || s.Size == 0 {
			continue
		}
		if out[s.Name], err = s.Data(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
