package decode

import (
	"net/netip"

	"github.com/ebgen/ebgen/spec/plan"
)

// Usual widths: an IPv4 address, and two of ten or so digits with their ports.
const (
	addressWidth = len("255.255.255.255")
	flowWidth    = len("10.4.2.18:443 - 10.4.5.91:512840")
)

// address writes an IP address, IPv4 in dots (net/netip, RFC 5952 for IPv6).
func address(_ *Decoder, c cell) form {
	return form{width: addressWidth}.asName(func(dst, rec []byte) []byte {
		return addressAt(rec, c.at).AppendTo(dst)
	})
}

func addressAt(rec []byte, at int) netip.Addr {
	return netip.AddrFrom16([16]byte(rec[at : at+16])).Unmap()
}

func addressPortAt(rec []byte, addr, port int) netip.AddrPort {
	return netip.AddrPortFrom(addressAt(rec, addr), uint16(load(rec[port:], 2)))
}

// flow writes both ends of a connection, the local one first. Its parts are those of
// plan.Flow; JSON is an object of them.
func flow(d *Decoder, c cell) form {
	f := form{width: flowWidth, parts: d.parts(c)}
	f.text = func(dst, rec []byte) []byte {
		dst = addressPortAt(rec, c.at+plan.FlowSaddr, c.at+plan.FlowSport).AppendTo(dst)
		dst = append(dst, " → "...)
		return addressPortAt(rec, c.at+plan.FlowDaddr, c.at+plan.FlowDport).AppendTo(dst)
	}
	f.raw, f.json = f.text, Object(f.parts)
	return f
}

// parts builds the columns of a composite's parts, named within it.
func (d *Decoder) parts(c cell) []Column {
	makers := map[plan.Kind]maker{plan.IP: address, plan.Int: decimal, plan.String: text}
	var parts []Column
	for _, p := range c.Kind.Parts() {
		parts = append(parts, makers[p.Type.Kind](d, cell{p.Type, c.at + p.Offset}).column(p.Name, p.Type, nil))
	}
	return parts
}
