package sink

import (
	"time"

	"github.com/ebgen/ebgen/runtime/decode"
)

// heatmap draws histograms over time in one HTML file that needs nothing else: from left
// to right the reports, from bottom to top the buckets, a cell the darker the more values
// it has. Each key and each histogram has a map of its own, which the page chooses among.
type heatmap struct {
	labels     []decode.Column
	histograms []decode.Column
	at         *decode.Column
	name       string

	index   map[string]int // into page.Keys
	page    heat
	scratch []byte
}

// heat is what the page gets as JSON.
type heat struct {
	Labels     []string        `json:"labels"` // names of the parts of a key
	Keys       [][]string      `json:"keys"`
	Times      []string        `json:"times"` // when each report was made: the end of its interval
	Histograms []heatHistogram `json:"histograms"`
}

type heatHistogram struct {
	Name    string   `json:"name"`
	First   int      `json:"first"`   // the bucket that the first of Buckets is
	Buckets []string `json:"buckets"` // bounds of those from the first to the last that any report has a count in
	// Cells has a list for each key: report, bucket (from 0, whatever First is), count.
	Cells [][][3]uint64 `json:"cells"`
}

func newHeatmap(s subject) picture {
	h := &heatmap{at: s.at, name: s.decoder.Name(), index: map[string]int{}}
	h.page.Keys, h.page.Times = [][]string{}, []string{}
	for _, c := range s.columns {
		switch {
		case c.Histogram != nil:
			h.histograms = append(h.histograms, c)
			h.page.Histograms = append(h.page.Histograms, heatHistogram{Name: c.Name})
		case c.Key:
			h.labels = append(h.labels, c)
			h.page.Labels = append(h.page.Labels, c.Name)
		}
	}
	return h
}

func (h *heatmap) report(time.Time) {
	h.page.Times = append(h.page.Times, string(h.at.Text(nil, nil)))
}

func (h *heatmap) take(rec []byte) {
	h.scratch = h.scratch[:0]
	for i := range h.labels {
		h.scratch = append(h.labels[i].Text(h.scratch, rec), 0)
	}
	key, ok := h.index[string(h.scratch)]
	if !ok {
		key = len(h.page.Keys)
		h.index[string(h.scratch)] = key
		h.page.Keys = append(h.page.Keys, h.texts(rec))
		for i := range h.page.Histograms {
			h.page.Histograms[i].Cells = append(h.page.Histograms[i].Cells, [][3]uint64{})
		}
	}
	for i := range h.histograms {
		from := h.histograms[i].Histogram
		cells := &h.page.Histograms[i].Cells[key]
		first, end := from.Range(rec)
		for bucket := first; bucket < end; bucket++ {
			if n := from.Count(rec, bucket); n > 0 {
				*cells = append(*cells, [3]uint64{uint64(len(h.page.Times) - 1), uint64(bucket), n})
			}
		}
	}
}

func (h *heatmap) texts(rec []byte) []string {
	texts := make([]string, len(h.labels))
	for i := range h.labels {
		texts[i] = string(h.labels[i].Text(nil, rec))
	}
	return texts
}

func (h *heatmap) draw() ([]byte, error) {
	for i := range h.histograms {
		out := &h.page.Histograms[i]
		first, end := out.span()
		out.First, out.Buckets = first, []string{}
		for bucket := first; bucket < end; bucket++ {
			name := h.histograms[i].Histogram.Start(nil, bucket)
			if high := h.histograms[i].Histogram.End(nil, bucket); len(high) > 0 {
				name = append(append(name, ' '), high...)
			}
			out.Buckets = append(out.Buckets, string(name))
		}
	}
	return render("heatmap", h.name, &h.page)
}

// span returns the first bucket in which anything was counted and the one after the last.
func (h *heatHistogram) span() (first, end int) {
	for _, cells := range h.Cells {
		for _, c := range cells {
			if bucket := int(c[1]); end == 0 {
				first, end = bucket, bucket+1
			} else {
				first, end = min(first, bucket), max(end, bucket+1)
			}
		}
	}
	return first, end
}
