package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// packers write what the rows of compressions read.
var packers = map[string]func(io.Writer) (io.WriteCloser, error){
	"lz4": func(w io.Writer) (io.WriteCloser, error) {
		z := lz4.NewWriter(w)
		return z, z.Apply(lz4.LegacyOption(true))
	},
	"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
}

func pack(t *testing.T, format string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := packers[format](&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bzImage is a kernel image with three sectors of setup and a payload at 16 in the rest.
func bzImage(payload []byte, size int) []byte {
	image := make([]byte, 4*512+16)
	image[0x1f1] = 3
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x206:], 0x20f)
	binary.LittleEndian.PutUint32(image[0x248:], 16)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)+4))
	image = append(image, payload...)
	image = binary.LittleEndian.AppendUint32(image, uint32(size))
	return append(image, "signature"...)
}

func TestUnpackKernel(t *testing.T) {
	// The legacy frame of lz4 is of blocks of 8 MiB.
	for format, size := range map[string]int{"lz4": 9 << 20, "zstd": 1 << 20, "xz": 1 << 20} {
		t.Run(format, func(t *testing.T) {
			vmlinux := append([]byte("\x7fELF"), bytes.Repeat([]byte("kernel text "), size/12)...)
			got, err := Kernel(bzImage(pack(t, format, vmlinux), len(vmlinux)))
			if err != nil || !bytes.Equal(got, vmlinux) {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(vmlinux))
			}
		})
	}
}

func TestUnpackKernelError(t *testing.T) {
	elf := pack(t, "zstd", []byte("\x7fELF"))
	old := bzImage(elf, 4)
	binary.LittleEndian.PutUint16(old[0x206:], 0x207)
	long := bzImage(elf, 4)
	binary.LittleEndian.PutUint32(long[0x24c:], 1<<20)
	short := bzImage(elf, 4)
	binary.LittleEndian.PutUint32(short[0x24c:], 3)
	tests := []struct {
		name  string
		image []byte
		want  string
	}{
		{"empty", nil, ErrNotBzImage.Error()},
		{"ELF file", append([]byte("\x7fELF"), make([]byte, 4096)...), ErrNotBzImage.Error()},
		{"old protocol", old, ErrNotBzImage.Error()},
		{"payload too long", long, ErrNotBzImage.Error() + ": its payload ends past the file"},
		{"payload too short", short, ErrNotBzImage.Error() + ": its payload ends past the file"},
		{"wrong size", bzImage(elf, 5), "unpack the kernel: 4 bytes, want 5"},
		{"no ELF file", bzImage(pack(t, "xz", []byte("text")), 4), "unpack the kernel: its payload is not an ELF file"},
		{"damaged", bzImage(elf[:len(elf)-2], 4), "unpack the kernel: unexpected EOF"},
	}
	for _, tt := range tests {
		if _, err := Kernel(tt.image); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := Kernel(nil); !errors.Is(err, ErrNotBzImage) {
		t.Errorf("%v is not ErrNotBzImage", err)
	}
}

func TestDecompressPlain(t *testing.T) {
	for _, text := range []string{"", "\x7fELF", strings.Repeat("x", 100)} {
		if got, err := Decompress([]byte(text)); err != nil || string(got) != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestTypes finds the BTF of an arm64 image behind what looks like one.
func TestTypes(t *testing.T) {
	btf := append(slices.Clone(btfHeader), make([]byte, 16)...)
	binary.LittleEndian.PutUint32(btf[12:], 12)
	binary.LittleEndian.PutUint32(btf[16:], 12)
	binary.LittleEndian.PutUint32(btf[20:], 5)
	btf = append(btf, "twelve bytes\x00abc\x00"...)
	image := make([]byte, 0x40)
	copy(image[0x38:], "ARM\x64")
	short := append(slices.Clone(image), btfHeader...)
	image = append(image, btfHeader...)
	image = append(image, bytes.Repeat([]byte{0xff}, 16)...)
	image = append(append(image, btf...), "what follows"...)
	for _, tt := range []struct {
		name       string
		file, want []byte
		err        error
	}{
		{"arm64", image, btf, nil},
		{"arm64 without BTF", image[:0x40], nil, ErrNoTypes},
		{"arm64 that is cut off", short, nil, ErrNoTypes},
		{"BTF", btf, btf, nil},
		{"compressed BTF", pack(t, "xz", btf), btf, nil},
		{"bzImage", bzImage(pack(t, "xz", []byte("\x7fELF kernel")), 11), []byte("\x7fELF kernel"), nil},
	} {
		got, err := Types(tt.file)
		if !errors.Is(err, tt.err) || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}
