package sink

import (
	"bytes"
	"fmt"
	"slices"

	proto "github.com/google/pprof/profile"

	"github.com/ebgen/ebgen/runtime/decode"
	"github.com/ebgen/ebgen/runtime/stack"
)

// pprof writes profile.proto, gzipped, with everything symbolized: a type of sample for
// each value, a label for each label, a location for each address.
type pprof struct{ *profile }

func newPprof(s subject) picture { return pprof{newProfile(s)} }

// protoWriter collects the parts of a profile.proto, each once.
type protoWriter struct {
	*proto.Profile
	mappings  map[string]*proto.Mapping
	functions map[function]*proto.Function
	locations map[string]*proto.Location
	stacks    map[uint64][]*proto.Location // by number, the innermost first
}

// function is what tells functions apart.
type function struct{ name, file string }

// kernelFile is what pprof calls the kernel's own code.
const kernelFile = "[kernel.kallsyms]"

func (p pprof) draw() ([]byte, error) {
	w := &protoWriter{
		Profile:   &proto.Profile{TimeNanos: p.from.UnixNano(), DurationNanos: int64(p.now().Sub(p.from)), DefaultSampleType: p.values[0].Name},
		mappings:  map[string]*proto.Mapping{},
		functions: map[function]*proto.Function{},
		locations: map[string]*proto.Location{},
		stacks:    map[uint64][]*proto.Location{},
	}
	for _, v := range p.values {
		w.SampleType = append(w.SampleType, &proto.ValueType{Type: v.Name, Unit: v.Unit})
	}
	for i := range p.samples {
		w.Sample = append(w.Sample, w.sample(p.profile, &p.samples[i]))
	}
	if err := w.CheckValid(); err != nil {
		return nil, fmt.Errorf("pprof: %w", err)
	}
	var out bytes.Buffer
	if err := w.Write(&out); err != nil {
		return nil, fmt.Errorf("pprof: %w", err)
	}
	return out.Bytes(), nil
}

func (w *protoWriter) sample(p *profile, s *sample) *proto.Sample {
	out := &proto.Sample{Value: s.values}
	for i, l := range s.labels {
		name := p.labels[i].Name
		if l.isNumber {
			if out.NumLabel == nil {
				out.NumLabel = map[string][]int64{}
			}
			out.NumLabel[name] = []int64{l.number}
			continue
		}
		if out.Label == nil {
			out.Label = map[string][]string{}
		}
		out.Label[name] = []string{l.text}
	}
	for i := range slices.Backward(s.stacks) { // the innermost frame is that of the highest stack
		out.Location = append(out.Location, w.stack(p, s.stacks[i])...)
	}
	if len(out.Location) == 0 {
		out.Location = w.standIn(empty.name)
	}
	return out
}

func (w *protoWriter) stack(p *profile, id stackID) []*proto.Location {
	if !id.kept {
		return w.standIn(missing.name)
	}
	locations, ok := w.stacks[id.id]
	if ok {
		return locations
	}
	frames, kept := p.stacks[0].Stack.Frames(id.id)
	if !kept {
		locations = w.standIn(missing.name)
	}
	for len(frames) > 0 { // those that were inlined share the address of the one that has them
		n := 1
		for n < len(frames) && frames[n-1].Inlined {
			n++
		}
		locations = append(locations, w.location(frames[:n]))
		frames = frames[n:]
	}
	w.stacks[id.id] = locations
	return locations
}

// standIn is a location without an address.
func (w *protoWriter) standIn(name string) []*proto.Location {
	return []*proto.Location{w.location([]stack.Frame{{Name: name}})}
}

// location returns that of the frames at one address, the innermost first. The same
// address may be other code in another process.
func (w *protoWriter) location(frames []stack.Frame) *proto.Location {
	key := fmt.Sprintf("%#v", frames)
	if l := w.locations[key]; l != nil {
		return l
	}
	outer := &frames[len(frames)-1]
	l := &proto.Location{ID: uint64(len(w.Location) + 1), Address: outer.Address, Mapping: w.mapping(outer)}
	for i := range frames {
		f := &frames[i]
		l.Line = append(l.Line, proto.Line{Function: w.function(function{string(decode.AppendName(nil, f)), f.File}), Line: int64(f.Line)})
	}
	w.locations[key] = l
	w.Location = append(w.Location, l)
	return l
}

// mapping returns the file that f's code lies in, nil for code that no file holds.
func (w *protoWriter) mapping(f *stack.Frame) *proto.Mapping {
	file := f.Module
	switch {
	case f.Kernel && file == "":
		file = kernelFile
	case file == "":
		return nil
	}
	m := w.mappings[file]
	if m == nil {
		m = &proto.Mapping{ID: uint64(len(w.Mapping) + 1), File: file, HasFunctions: true, HasFilenames: true, HasLineNumbers: true, HasInlineFrames: true}
		w.mappings[file] = m
		w.Mapping = append(w.Mapping, m)
	}
	return m
}

func (w *protoWriter) function(key function) *proto.Function {
	f := w.functions[key]
	if f == nil {
		f = &proto.Function{ID: uint64(len(w.Function) + 1), Name: key.name, SystemName: key.name, Filename: key.file}
		w.functions[key] = f
		w.Function = append(w.Function, f)
	}
	return f
}
