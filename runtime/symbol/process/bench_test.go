package process

import (
	"math/rand/v2"
	"os/exec"
	goruntime "runtime"
	"testing"

	"github.com/ebgen/ebgen/runtime/stack"
)

// BenchmarkStacks names 10000 different stacks of 30 frames anywhere in the code of node,
// which has 100 MB of it, and says by how much the heap has grown.
func BenchmarkStacks(b *testing.B) {
	if _, err := exec.LookPath("node"); err != nil {
		b.Skip(err)
	}
	p := start(b, exec.Command("node", "-e", "process.stdout.write('.'); process.stdin.resume()"))
	if _, err := p.out.ReadByte(); err != nil {
		b.Fatal(err)
	}
	t, key := table(b), p.space(1)
	var code []mapping
	for _, m := range t.space(key).code {
		if m.from.isFile() {
			code = append(code, m)
		}
	}
	random := rand.New(rand.NewPCG(37, 101))
	b.ReportAllocs()
	var before, after goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	named, all := 0, 0
	for b.Loop() {
		for range 10000 {
			var frames []stack.Frame
			for i := range 30 {
				m := &code[random.IntN(len(code))]
				frames = t.Frames(frames, key, m.start+random.Uint64N(m.end-m.start), i > 0)
			}
			for i := range frames {
				if all++; frames[i].Name != "" {
					named++
				}
			}
		}
	}
	goruntime.GC()
	goruntime.ReadMemStats(&after)
	const mega = 1 << 20
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/mega, "MB-kept")
	b.ReportMetric(float64(after.Sys)/mega, "MB-sys")
	b.ReportMetric(100*float64(named)/float64(all), "%named")
}
