package specs_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestKeptByStages has two stages keep other values under one name: each has its own.
func TestKeptByStages(t *testing.T) {
	const rounds = 37
	var offsets []int64
	for i := range int64(rounds) {
		offsets = append(offsets, 100+i, 0, -1)
	}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "kept_by_stages")[0]
	if len(got.records) != rounds {
		t.Fatalf("%d records, want %d", len(got.records), rounds)
	}
	for i, r := range got.records {
		if number(r["first"]) != 100+i || number(r["second"]) != 7 {
			t.Errorf("record %d is %v, want %d and 7", i, r, 100+i)
		}
	}
}

// TestKeptSigns has one column, one saved value and one choice hold numbers of 32 bits, of
// which some are below 0 and some above 2^31: each shows as what it is.
func TestKeptSigns(t *testing.T) {
	offsets := []int64{-100, 4000000000, -1, 1, -1 << 31, 1<<32 - 1, 0}
	got := trace(t, caller(), func(context.Context) error {
		_, err := workload.Seeks(offsets)
		return err
	}, "kept_signs")[0]
	if len(got.records) != len(offsets)-1 { // nothing is saved before the first
		t.Fatalf("%d records, want %d", len(got.records), len(offsets)-1)
	}
	for i, r := range got.records {
		before, now := offsets[i], offsets[i+1]
		if int64(number(r["before"])) != before || int64(number(r["offset"])) != now || int64(number(r["either"])) != now {
			t.Errorf("record %d is %v, want %d after %d", i, r, now, before)
		}
	}
}

// TestKeptPointers wants what pointers that were saved or kept lead to: structs of a
// process and of the kernel.
func TestKeptPointers(t *testing.T) {
	const times = 37
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	for i, one := range trace(t, caller(), func(context.Context) error {
		for i := range times {
			text := fmt.Sprintf("message %d\x00", i)
			if _, err := unix.SendmsgBuffers(pair[0], [][]byte{[]byte(text)}, nil, nil, 0); err != nil {
				return err
			}
			if _, err := unix.Read(pair[1], make([]byte, 64)); err != nil {
				return err
			}
		}
		return nil
	}, "kept_pointers", "saved_pointers") {
		if len(one.records) != times {
			t.Fatalf("%d records, want %d", len(one.records), times)
		}
		for j, r := range one.records {
			text := fmt.Sprintf("message %d", j)
			if r["text"] != text || number(r["length"]) != len(text)+1 || number(r["process"]) != os.Getpid() || i == 1 && r["same"] != text {
				t.Errorf("record %d is %v, want %q of process %d", j, r, text, os.Getpid())
			}
		}
	}
}
