package regular

import (
	"debug/elf"
	"fmt"
	"io"
)

const (
	// largestHeaders bounds what is read of an ELF file before its sections are: their
	// headers and names.
	largestHeaders = 16 << 20
	// mostSections is more than a program has; an object of the compiler may have more.
	mostSections = 512
)

// ELF reads the headers of an ELF file, of whose contents at most so many bytes are read
// later, all reads together; then they fail with ErrTooLarge. A file may have holes, and so
// be of any size: its own word for the sizes of what it holds is worth nothing.
func ELF(file io.ReaderAt, most int64) (*elf.File, error) {
	r := &bounded{file, largestHeaders}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	if len(f.Sections) > mostSections {
		return nil, fmt.Errorf("%w: %d sections", ErrTooLarge, len(f.Sections))
	}
	r.left = most
	return f, nil
}

// bounded fails when so many bytes were read.
type bounded struct {
	file io.ReaderAt
	left int64
}

func (b *bounded) ReadAt(p []byte, offset int64) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := b.file.ReadAt(p, offset)
	b.left -= int64(n)
	return n, err
}
