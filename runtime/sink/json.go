package sink

import "github.com/ebgen/ebgen/runtime/decode"

// jsonLines writes one JSON object a line, its keys in column order.
type jsonLines struct {
	write decode.Append
}

func newJSON(columns []decode.Column) encoder {
	return &jsonLines{decode.Object(columns)}
}

func (j *jsonLines) header(dst []byte) []byte { return dst }

func (j *jsonLines) record(dst, rec []byte) []byte {
	return append(j.write(dst, rec), '\n')
}
