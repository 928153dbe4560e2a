// Package unpack takes kernels out of what they are shipped in.
//
// In goes a file as a distribution ships it: BTF or a module that is compressed, a kernel
// image; out come the bytes within.
//
//	data, err := unpack.Decompress(file)   // of 6.1.btf.xz the BTF; of what is not compressed, itself
//	vmlinux, err := unpack.Kernel(file)    // of /boot/vmlinuz-6.1.0 of amd64 the ELF file
//	types, err := unpack.Types(file)       // of all of these the BTF, or an ELF file with it
package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// compressions lists how Debian compresses kernels and modules, by the bytes that each
// begins with: kernels LZ4 before 6.12 and zstd since, modules not at all before 6.12
// and xz since.
var compressions = []struct {
	magic []byte
	open  func(io.Reader) (io.Reader, error)
}{
	// The legacy frame (doc/lz4_Frame_format.md of lz4), which is what `lz4 -l` writes.
	{[]byte{0x02, 0x21, 0x4c, 0x18}, func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	// RFC 8878 section 3.1.1.
	{[]byte{0x28, 0xb5, 0x2f, 0xfd}, func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderMaxWindow(128<<20)) // zstd -22 --ultra in scripts/Makefile.lib
	}},
	// The .xz file format, section 2.1.1.1.
	{[]byte{0xfd, '7', 'z', 'X', 'Z', 0x00}, func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
}

// Decompress returns what data holds, or data itself when it is not compressed.
func Decompress(data []byte) ([]byte, error) {
	for _, c := range compressions {
		if !bytes.HasPrefix(data, c.magic) {
			continue
		}
		r, err := c.open(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	return data, nil
}

// ErrNotBzImage says that a file is no kernel image of amd64.
var ErrNotBzImage = errors.New("not a bzImage of boot protocol 2.08 or later")

// Kernel returns the ELF file inside a bzImage. Where it lies is said by the
// setup header (Documentation/arch/x86/boot.rst): setup_sects at 0x1f1, "HdrS" at 0x202,
// version at 0x206, payload_offset at 0x248 and payload_length at 0x24c. The payload's
// last four bytes are its unpacked size, added by the kernel's build (size_append in
// scripts/Makefile.lib).
func Kernel(image []byte) ([]byte, error) {
	if len(image) < 0x250 || string(image[0x202:0x206]) != "HdrS" || binary.LittleEndian.Uint16(image[0x206:]) < 0x208 {
		return nil, ErrNotBzImage
	}
	const sector, defaultSectors = 512, 4
	sectors := int64(image[0x1f1])
	if sectors == 0 {
		sectors = defaultSectors
	}
	start := (sectors+1)*sector + int64(binary.LittleEndian.Uint32(image[0x248:]))
	end := start + int64(binary.LittleEndian.Uint32(image[0x24c:])) - 4
	if start > end || end+4 > int64(len(image)) {
		return nil, fmt.Errorf("%w: its payload ends past the file", ErrNotBzImage)
	}
	vmlinux, err := Decompress(image[start:end])
	if err != nil {
		return nil, fmt.Errorf("unpack the kernel: %w", err)
	}
	if want := binary.LittleEndian.Uint32(image[end:]); uint32(len(vmlinux)) != want {
		return nil, fmt.Errorf("unpack the kernel: %d bytes, want %d", len(vmlinux), want)
	}
	if !bytes.HasPrefix(vmlinux, []byte("\x7fELF")) {
		return nil, errors.New("unpack the kernel: its payload is not an ELF file")
	}
	return vmlinux, nil
}

// IsImage reports whether data is a kernel image of arm64 that is not compressed
// (Documentation/arch/arm64/booting.rst: magic at 0x38).
func IsImage(data []byte) bool { return len(data) >= 0x40 && string(data[0x38:0x3c]) == "ARM\x64" }

// ErrNoTypes says that a kernel image of arm64 has no BTF.
var ErrNoTypes = errors.New("the kernel image has no BTF (CONFIG_DEBUG_INFO_BTF)")

// Types returns what has a kernel's types, raw BTF or an ELF file: out of a kernel image of
// amd64 or arm64, or of a compressed file. What is none of these is returned as it is.
func Types(file []byte) ([]byte, error) {
	if IsImage(file) {
		return imageTypes(file)
	}
	vmlinux, err := Kernel(file)
	if errors.Is(err, ErrNotBzImage) {
		return Decompress(file)
	}
	return vmlinux, err
}

// btfHeader is how struct btf_header begins: magic, version, flags and its own length, on a
// little-endian machine (include/uapi/linux/btf.h).
var btfHeader = []byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0}

// imageTypes finds the BTF in an image that says nothing of its sections: by its header,
// behind which the types lie first and the strings follow them, to a last zero.
func imageTypes(image []byte) ([]byte, error) {
	for rest := image; ; rest = rest[1:] {
		at := bytes.Index(rest, btfHeader)
		if at < 0 {
			return nil, ErrNoTypes
		}
		rest = rest[at:]
		if len(rest) < 24 {
			return nil, ErrNoTypes
		}
		types, typesSize := binary.LittleEndian.Uint32(rest[8:]), binary.LittleEndian.Uint32(rest[12:])
		strings, stringsSize := binary.LittleEndian.Uint32(rest[16:]), binary.LittleEndian.Uint32(rest[20:])
		end := 24 + uint64(strings) + uint64(stringsSize)
		if types == 0 && typesSize > 0 && strings == typesSize && stringsSize > 1 && end <= uint64(len(rest)) && rest[end-1] == 0 {
			return rest[:end], nil
		}
	}
}
