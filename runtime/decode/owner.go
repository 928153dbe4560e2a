package decode

import (
	"strconv"

	"github.com/ebgen/ebgen/spec/plan"
)

// ownerWidth fits a pid of four or five digits and a name as processes mostly have.
const ownerWidth = len("8421 phonepe-gw")

// owner writes a process as its pid and its name, "8421 phonepe-gw": each is a word that
// a double click takes, and the pid stands where kill and grep want it. JSON is an object
// of both. A pid of 0 means that nobody knows.
func owner(d *Decoder, c cell) form {
	f := form{width: ownerWidth, free: true, parts: d.parts(c)}
	pid := cell{plan.Type{Kind: plan.Int, Size: 4}, c.at + plan.OwnerPid}
	comm := cell{plan.Type{Kind: plan.String, Size: plan.OwnerSize - plan.OwnerComm}, c.at + plan.OwnerComm}
	f.text = func(dst, rec []byte) []byte {
		return appendText(append(strconv.AppendUint(dst, pid.integer(rec), 10), ' '), comm.text(rec))
	}
	f.raw, f.json = f.text, Object(f.parts)
	f.unknown = func(rec []byte) bool { return pid.integer(rec) == 0 }
	return f
}
