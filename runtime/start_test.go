package runtime

import (
	"context"
	"testing"
	"time"
)

// BenchmarkStart measures from Run to Ready, and to Run's return.
func BenchmarkStart(b *testing.B) {
	bundle := calls(b, rawTracepoint)
	var ready, down time.Duration
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		began := time.Now()
		var attached time.Time
		_, err := Run(ctx, bundle, Options{Params: me(), Sink: new(list), Ready: func() { attached = time.Now(); cancel() }})
		if err != nil {
			b.Fatal(err)
		}
		ready += attached.Sub(began)
		down += time.Since(attached)
	}
	b.ReportMetric(float64(ready.Microseconds())/float64(b.N), "µs-to-ready")
	b.ReportMetric(float64(down.Microseconds())/float64(b.N), "µs-to-end")
}
