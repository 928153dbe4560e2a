package main

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/ebgen/ebgen/spec/plan"
)

// carriedFiles is what make puts into ebgen beside its own code: tracer_ARCH.gz, the
// command tracer for an architecture, and catalogue.ebgen, the catalogue compiled ahead of
// time, which only a release has.
//
//go:embed carried
var carriedFiles embed.FS

// tracerFor returns the executable that a tracer for an architecture is made of.
func tracerFor(arch string) ([]byte, error) {
	packed, err := carriedFiles.ReadFile("carried/tracer_" + arch + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this ebgen carries no tracer for %s: build it with make, or write a bundle with --bundle", arch)
	}
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// catalogue is the archive of the catalogue, or nil in an ebgen that carries none.
var catalogue = sync.OnceValue(func() *plan.Archive {
	data, err := carriedFiles.ReadFile("carried/catalogue.ebgen")
	if err != nil {
		return nil
	}
	a, err := plan.OpenArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	return a
})
