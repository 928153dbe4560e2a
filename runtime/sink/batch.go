package sink

import (
	"io"
	"os"
	"sort"
)

// batch is the text of some records and the account of what became of it.
type batch struct {
	w         io.Writer
	text      []byte
	ends      []int  // where each record ends in text; before the first may stand a header
	each      uint64 // records that one of ends stands for; 0 for 1
	delivered uint64
	lost      uint64
}

// add takes text, which is the batch's own with one more record at its end.
func (b *batch) add(text []byte) {
	b.text = text
	b.ends = append(b.ends, len(text))
}

// whole takes text that is the whole output, of n records: all of them are delivered with
// its last byte, or none is.
func (b *batch) whole(text []byte, n uint64) {
	b.text, b.ends, b.each = text, b.ends[:0], n
	if n > 0 {
		b.ends = append(b.ends, len(text))
	}
}

// flush writes the batch and empties it. When the writer takes only a part of it, the
// records that lie in that part as a whole are delivered and the others lost.
func (b *batch) flush() error {
	if len(b.text) == 0 {
		b.delivered += uint64(len(b.ends)) * max(b.each, 1) // format none
		b.ends = b.ends[:0]
		return nil
	}
	n, err := b.w.Write(b.text)
	if err == nil && n < len(b.text) {
		err = io.ErrShortWrite
	}
	whole := sort.Search(len(b.ends), func(i int) bool { return b.ends[i] > n })
	each := max(b.each, 1)
	b.delivered += uint64(whole) * each
	b.lost += uint64(len(b.ends)-whole) * each
	if err != nil {
		b.cutHalfLine(n, whole)
	}
	b.text, b.ends = b.text[:0], b.ends[:0]
	return err
}

// cutHalfLine takes back the bytes of a record that only a part of was written, of the n
// written in all, so that a full disk leaves a file of whole lines. It can do so in a
// regular file that ends where we are; where it cannot, the half line stays: that is
// said nowhere else, and the account is right either way.
func (b *batch) cutHalfLine(n, whole int) {
	kept := 0
	if whole > 0 {
		kept = b.ends[whole-1]
	}
	f, ok := b.w.(*os.File)
	if !ok || n <= kept {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || at != info.Size() {
		return
	}
	if f.Truncate(at-int64(n-kept)) == nil {
		f.Seek(at-int64(n-kept), io.SeekStart)
	}
}
