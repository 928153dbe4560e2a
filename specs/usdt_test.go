package specs_test

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// formValues are the arguments of the probes of testdata/programs/probes.s, as its code sets
// them, in the width and with the sign that the notes give.
var formValues = map[string][]string{
	"probes_forms": {"1009", "-5", "18446744073709551613", "-3", "253", "-3", "-2", "65031", "-505", "2147614215", "-12", "77"},
	"probes_more":  {"1234605616436508552", "3", "1234605616436508552", "-37", "ROUND", "1234605616436508552"},
}

// TestForms wants every form of argument read right, in each of 37 rounds.
func TestForms(t *testing.T) {
	path := program(t, "probes")
	var p *process
	names := []string{"probes_forms", "probes_more", "probes_bare"}
	got := trace(t, nil, func(context.Context) error {
		p = start(t, path)
		return p.round()
	}, names...)
	for i, name := range names {
		records, want := of(p.Process.Pid, got[i].records), 37
		if name == "probes_bare" {
			want = 1
		}
		if len(records) != want {
			t.Errorf("%s: %d records, want %d", name, len(records), want)
		}
		for round, r := range records {
			for j, value := range formValues[name] {
				if value == "ROUND" {
					value = fmt.Sprint(round)
				}
				if r[fmt.Sprintf("a%d", j)] != json.Number(value) {
					t.Fatalf("%s: argument %d is %v in round %d, want %s", name, j, r[fmt.Sprintf("a%d", j)], round, value)
				}
			}
		}
	}
}

// semaphore reads the counter of a process that says how many look at the guarded probe.
func semaphore(t *testing.T, p *process) int {
	t.Helper()
	f, err := elf.Open(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "guarded_semaphore" })
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	var counter [2]byte
	if _, err := memory.ReadAt(counter[:], int64(symbols[at].Value)); err != nil {
		t.Fatal(err)
	}
	return int(binary.NativeEndian.Uint16(counter[:]))
}

// TestGuarded wants the semaphore of a probe above 0 while it is traced and at no other
// time, in a process that was there before the tracer and in one that was not.
func TestGuarded(t *testing.T) {
	path := program(t, "probes")
	earlier := start(t, path)
	if err := earlier.round(); err != nil { // it has begun, and its memory is there
		t.Fatal(err)
	}
	if n := semaphore(t, earlier); n != 0 {
		t.Errorf("the semaphore is %d before the tracer", n)
	}
	var later *process
	got := trace(t, nil, func(context.Context) error {
		later = start(t, path)
		if err := errors.Join(later.round(), earlier.round()); err != nil {
			return err
		}
		if a, b := semaphore(t, earlier), semaphore(t, later); a != 1 || b != 1 {
			t.Errorf("the semaphore is %d and %d while the probe is traced, want 1", a, b)
		}
		return nil
	}, "probes_guarded")[0]
	for _, p := range []*process{earlier, later} {
		if n := semaphore(t, p); n != 0 {
			t.Errorf("the semaphore is %d after the tracer", n)
		}
		if err := p.round(); err != nil {
			t.Error(err)
		}
		if n := len(of(p.Process.Pid, got.records)); n != 37 {
			t.Errorf("%d records, want 37", n)
		}
	}
}

// TestPython wants 37 collections of garbage and 101 entries of a function, with what Python
// says of them. In Python 3.11 function__entry fires only where an exception enters a
// generator, as closing it does (DTRACE_FUNCTION_ENTRY in Python/ceval.c).
func TestPython(t *testing.T) {
	const path = "/usr/bin/python3" // the distribution's, whose probes Debian builds in
	if os.Getenv("EBGEN_VM") != "" {
		t.Skip("a guest has no Python")
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, err)
	}
	const script = "testdata/programs/collect.py"
	p := start(t, path, script)
	if err := p.round(); err != nil { // what Python collects when it starts is done
		t.Fatal(err)
	}
	got := trace(t, nil, func(context.Context) error { return p.round() }, "pygc", "python_calls")
	collections := of(p.Process.Pid, got[0].records)
	if len(collections) != 37 {
		t.Errorf("%d collections, want 37", len(collections))
	}
	for _, r := range collections {
		if number(r["generation"]) != 1 || number(r["took"]) <= 0 {
			t.Errorf("a collection is %v", r)
		}
	}
	calls := of(p.Process.Pid, got[1].records)
	if len(calls) != 101 {
		t.Errorf("%d entries, want 101", len(calls))
	}
	for _, r := range calls {
		if file, _ := r["file"].(string); !strings.HasSuffix(file, "/"+script) || number(r["line"]) != 7 {
			t.Errorf("an entry is %v", r)
		}
	}
}
