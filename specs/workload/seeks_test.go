package workload

import (
	"math/bits"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWide(t *testing.T) {
	numbers := Wide(100003, 30)
	if !slices.Equal(numbers, Wide(100003, 30)) {
		t.Error("the second time the numbers are others")
	}
	lengths := map[int]int{}
	for _, n := range numbers {
		lengths[max(1, bits.Len64(uint64(n)))]++
	}
	for length := 1; length <= 30; length++ {
		if n := lengths[length]; n != 3333 && n != 3334 {
			t.Errorf("%d numbers of %d bits, want a thirtieth of 100003", n, length)
		}
	}
	if len(lengths) != 30 {
		t.Errorf("lengths in bits: %v", lengths)
	}
	slices.Sort(numbers)
	if distinct := len(slices.Compact(numbers)); distinct < 50000 {
		t.Errorf("only %d numbers differ", distinct)
	}
}

func TestSeeks(t *testing.T) {
	p, err := startProcess("seeker")
	if err != nil {
		t.Fatal(err)
	}
	defer p.end()
	counts := counted(t, p.pid, func() error {
		_, err := p.call(request{Do: "seek", Count: 101})
		return err
	})
	if got := counts[unix.SYS_LSEEK]; got != 101 {
		t.Errorf("%d lseek calls, want 101; all calls: %v", got, counts)
	}
}

func TestSeekNegative(t *testing.T) {
	if _, err := Seeks([]int64{0, -1, 1 << 62, -1 << 62}); err != nil {
		t.Error(err)
	}
}

func init() {
	orders["seek"] = func(_ *child, q *request, _ *reply) error {
		_, err := Seeks(Wide(q.Count, 30))
		return err
	}
}
