package specs_test

import (
	"context"
	"math"
	"testing"

	"github.com/ebgen/ebgen/specs/workload"
)

// TestBlockRequests wants each read of a disk, with who made it, its place and size; that
// all are of one size; and that each goes on where the one before it ended, but for those
// after the disk's end.
func TestBlockRequests(t *testing.T) {
	needDisk(t)
	const reads = 101
	comm := own("reader")
	var made *workload.DiskRead
	work := func(ctx context.Context) (err error) {
		made, err = workload.DiskReads(ctx, comm, reads)
		return err
	}
	got := trace(t, map[string][]string{"comm": {comm}}, work, "biosnoop", "bitesize")
	perDisk := made.DiskBytes / 512
	n, pid := 0, 0
	for _, r := range got[0].records {
		if r["disk"] != made.Disk {
			continue
		}
		if n == 0 {
			pid = number(r["pid"])
		}
		sector := n * made.Bytes / 512 % perDisk
		if r["comm"] != comm || r["op"] != "READ" || number(r["pid"]) != pid || number(r["sector"]) != sector ||
			number(r["bytes"]) != made.Bytes || number(r["queued"]) < 0 || number(r["took"]) <= 0 {
			t.Errorf("read %d is %v, want sector %d", n, r, sector)
		}
		n++
	}
	if n != reads {
		t.Errorf("biosnoop: %d reads of %s, want %d: %v", n, made.Disk, reads, got[0].records)
	}
	sizes := one(t, "bitesize", got[1])
	if b := buckets(t, sizes["bytes"]); sizes["comm"] != comm || len(b) != 1 || *b[0].low != made.Bytes || b[0].count != reads {
		t.Errorf("bitesize: %v, want %d times %d bytes", sizes, reads, made.Bytes)
	}
	// The first read is of sector 0, which is where nothing ended yet; the second turn
	// begins there too.
	ios, random, bytes := 0, 0.0, 0
	for _, r := range trace(t, nil, work, "biopattern")[0].records {
		if r["disk"] != made.Disk {
			continue
		}
		ios += number(r["ios"])
		bytes += number(r["bytes"])
		random += fraction(r["random"]) / 100 * float64(number(r["ios"]))
		if sum := fraction(r["random"]) + fraction(r["sequential"]); math.Abs(sum-100) > 1e-6 {
			t.Errorf("biopattern: %v of 100 in all: %v", sum, r)
		}
	}
	turns := float64((reads - 1) * made.Bytes / made.DiskBytes)
	if ios != reads || bytes != reads*made.Bytes || math.Abs(random-turns) > 1e-6 {
		t.Errorf("biopattern: %d requests of %d bytes, %v of them random, want %d of %d and %v", ios, bytes, random, reads, reads*made.Bytes, turns)
	}
}
