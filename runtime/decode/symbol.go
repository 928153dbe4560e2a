package decode

import "path"

// symbolized is an address as name+0x1f [module], or in hex when it has no name.
type symbolized struct {
	addr, offset uint64
	name, module string
}

// kernelSymbol writes a kernel address.
func kernelSymbol(d *Decoder, c cell) form {
	return symbolForm(func(rec []byte) (s symbolized) {
		s.addr = load(rec[c.at:], c.Size)
		s.name, s.module, s.offset = d.env.Symbol(s.addr)
		return s
	})
}

// userSymbol writes an address of a process, which is kept as a stack of one frame; what
// was put into the function there is left out.
func userSymbol(d *Decoder, c cell) form {
	f := symbolForm(func(rec []byte) symbolized {
		frames, _ := d.env.Stacks(load(rec[c.at:], c.Size))
		if len(frames) == 0 {
			return symbolized{}
		}
		last := frames[len(frames)-1]
		s := symbolized{addr: last.Address, name: last.Name, offset: last.Offset}
		if last.Module != "" {
			s.module = path.Base(last.Module)
		}
		return s
	})
	f.unknown = func(rec []byte) bool {
		_, ok := d.env.Stacks(load(rec[c.at:], c.Size))
		return !ok
	}
	return f
}

func symbolForm(of func(rec []byte) symbolized) form {
	write := func(escape func(dst, s []byte) []byte) Append {
		var scratch []byte
		return func(dst, rec []byte) []byte {
			s := of(rec)
			if s.name == "" {
				return appendHex(dst, s.addr)
			}
			scratch = append(scratch[:0], s.name...)
			if s.offset != 0 {
				scratch = appendHex(append(scratch, '+'), s.offset)
			}
			if s.module != "" {
				scratch = append(append(append(scratch, " ["...), s.module...), ']')
			}
			return escape(dst, scratch)
		}
	}
	plain := write(appendText)
	return form{width: maxNameWidth, free: true, text: plain, raw: plain, json: quoted(write(appendJSONText))}
}
