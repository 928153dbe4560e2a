package seeks

import (
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// seek moves in a file to every offset from 1 to n, once.
func seek(t *testing.T, n int64) {
	t.Helper()
	fd, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for i := range n {
		if _, err := unix.Seek(fd, i+1, unix.SEEK_SET); err != nil {
			t.Fatal(err)
		}
	}
}

func one(t *testing.T, rows []Row, err error) Row {
	t.Helper()
	if err != nil || len(rows) != 1 {
		t.Fatalf("rows %+v, %v, want one", rows, err)
	}
	return rows[0]
}

// TestExact counts 101 calls, and then 37 for themselves.
func TestExact(t *testing.T) {
	pid := uint32(os.Getpid())
	tracer, err := Load(t.Context(), Params{PIDs: []uint32{pid}})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	seek(t, 101)
	rows, err := tracer.Rows()
	if r := one(t, rows, err); r.Calls != 101 {
		t.Errorf("Rows has %d calls", r.Calls)
	}
	rows, err = tracer.Take()
	r := one(t, rows, err)
	want := Row{PID: pid, Calls: 101, Forward: 51, Share: 100 * 51 / 101.0, Total: 5151, Least: 1, Greatest: 101, Mean: 51,
		AtP50: 51, AtP99: 101, Offsets: r.Offsets, Steps: r.Steps}
	if r.AtP99 < 97 || r.AtP99 > 103 { // off by at most 1/32
		t.Errorf("99 %% are not above %d", r.AtP99)
	}
	want.AtP99 = r.AtP99
	if r.AtP50 < 50 || r.AtP50 > 52 {
		t.Errorf("50 %% are not above %d", r.AtP50)
	}
	want.AtP50 = r.AtP50
	if r != want {
		t.Errorf("got %+v\nwant %+v", r, want)
	}
	if got := r.Offsets.Buckets(); len(got) != 7 || got[6] != (Bucket[int64]{Low: 64, High: 127, Count: 38}) || got[0] != (Bucket[int64]{Low: 1, High: 1, Count: 1}) {
		t.Errorf("offsets %+v", got)
	}
	steps := r.Steps.Buckets()
	if len(steps) != 11 || steps[0] != (Bucket[int64]{Low: 0, High: 9, Count: 9}) ||
		steps[10] != (Bucket[int64]{Low: 100, High: math.MaxInt64, OpenHigh: true, Count: 2}) {
		t.Errorf("steps %+v", steps)
	}
	if v, ok := r.Offsets.Quantile(0); !ok || v != 1 {
		t.Errorf("the least offset is %d, %v", v, ok)
	}

	seek(t, 37)
	if err := tracer.Stop(); err != nil {
		t.Fatal(err)
	}
	seek(t, 3)
	rows, err = tracer.Take()
	if r := one(t, rows, err); r.Calls != 37 || r.Greatest != 37 {
		t.Errorf("after Stop %d calls, the greatest %d", r.Calls, r.Greatest)
	}
	if rows, err := tracer.Take(); err != nil || len(rows) != 0 {
		t.Errorf("after all is taken %+v, %v", rows, err)
	}
	if c, err := tracer.Counts(); err != nil || c != (Counts{}) {
		t.Errorf("counts %+v, %v", c, err)
	}
}

// TestNothing makes the row of nothing: it has no least value, no mean and no quantile.
func TestNothing(t *testing.T) {
	r := makeRow(&Key{}, &Value{})
	if want := AbsentShare | AbsentLeast | AbsentGreatest | AbsentMean | AbsentAtP50 | AbsentAtP99; r.Absent != want {
		t.Errorf("absent %b, want %b", r.Absent, want)
	}
}
