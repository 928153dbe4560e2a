package plan

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func compiled(name, arch, kernel string) Compiled {
	return Compiled{
		Bundle:  &Bundle{Plan: &Plan{Version: Version, Name: name, Arch: arch, Kernel: kernel}, Source: "/* " + name + " */", Object: []byte(strings.Repeat(name, 37))},
		Spec:    []byte("name: " + name),
		Kernels: []Origin{{Release: kernel, ID: "id of " + kernel}},
	}
}

// TestArchive reads back each tracer that was put in, from an archive and from an
// executable that carries it; equal tracers give equal bytes.
func TestArchive(t *testing.T) {
	members := []Compiled{compiled("opens", "amd64", "6.1"), compiled("opens", "arm64", "6.1"), compiled("exits", "amd64", "6.12")}
	var archive, again, executable bytes.Buffer
	for _, err := range []error{WriteArchive(&archive, members), WriteArchive(&again, members), Carry(&executable, []byte("\x7fELF program"), members)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("two archives of the same tracers differ")
	}
	plain, err := OpenArchive(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		t.Fatal(err)
	}
	carried, err := Carried(bytes.NewReader(executable.Bytes()), int64(executable.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*Archive{plain, carried} {
		entries := a.Entries()
		if len(entries) != len(members) {
			t.Fatalf("%d entries, want %d", len(entries), len(members))
		}
		for i, e := range entries {
			want := members[i]
			if e.Name != want.Bundle.Plan.Name || e.Arch != want.Bundle.Plan.Arch || e.Spec != SpecSum(want.Spec) || !e.MadeFor(e.Arch, want.Kernels[0].ID) || e.MadeFor(e.Arch, "") {
				t.Errorf("entry %d is %+v", i, e)
			}
			got, err := a.Bundle(e)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Bundle, got); diff != "" {
				t.Errorf("tracer %d: %s", i, diff)
			}
		}
	}
}

// TestDamagedArchive cuts an archive short everywhere and changes each of its bytes: what
// cannot be right is refused, and nothing panics.
func TestDamagedArchive(t *testing.T) {
	var archive bytes.Buffer
	if err := WriteArchive(&archive, []Compiled{compiled("opens", "amd64", "6.1")}); err != nil {
		t.Fatal(err)
	}
	whole := archive.Bytes()
	read := func(data []byte) error {
		a, err := OpenArchive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return err
		}
		for _, e := range a.Entries() {
			if _, err := a.Bundle(e); err != nil {
				return err
			}
		}
		return nil
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := read(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("the first %d of %d bytes: %v, want ErrDamaged", n, len(whole), err)
		}
	}
	start := bytes.LastIndexByte(whole, '}') + 2 // behind the index
	for i := start; i < len(whole); i++ {
		data := bytes.Clone(whole)
		data[i] ^= 0x55
		if err := read(data); err == nil {
			t.Errorf("byte %d of %d is changed, and nobody noticed", i, len(whole))
		}
	}
	if _, err := Carried(bytes.NewReader(whole), int64(len(whole))); !errors.Is(err, ErrNoArchive) {
		t.Errorf("an archive alone: %v, want ErrNoArchive", err)
	}
}

func ExampleParam_Word() {
	fmt.Println(
		Param{Type: Type{Kind: Int, Size: 2}}.Word(nil),
		Param{Type: Type{Kind: Int, Size: 8, Meaning: Duration}}.Word(nil),
		Param{Type: Type{Kind: String, Size: 64}, List: true}.Word(nil),
		Param{Type: Type{Kind: Prefix, Size: 20}}.Word(nil),
	)
	// Output: u16 duration [string] cidr
}
