package sink

import "github.com/ebgen/ebgen/runtime/decode"

// none writes nothing: what a run records is rendered later.
type none struct{}

func newNone([]decode.Column) encoder { return none{} }

func (none) header(dst []byte) []byte { return dst }

func (none) record(dst, _ []byte) []byte { return dst }
