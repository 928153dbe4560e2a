package ktype

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// The raw reader and the library number and name the same types.
func TestRawAgreesWithSpec(t *testing.T) {
	agree(t, fixture(t))
}

func agree(t *testing.T, k *Kernel) {
	t.Helper()
	const typeTag = 18 // BTF_KIND_TYPE_TAG; like a declaration's tag it has a value where others have a name
	var wrong int
	for raw := range k.main.raw.all() {
		if raw.kind == typeTag || raw.kind == rawDeclTag {
			continue
		}
		decoded, err := k.main.spec.TypeByID(btf.TypeID(raw.id))
		if err != nil {
			t.Fatalf("type %d: %v", raw.id, err)
		}
		if decoded.TypeName() != string(k.main.raw.text(raw.name)) && wrong < 10 {
			t.Errorf("type %d is %q, the library has %q", raw.id, k.main.raw.text(raw.name), decoded.TypeName())
			wrong++
		}
	}
	if _, err := k.main.spec.TypeByID(btf.TypeID(k.main.raw.count + 1)); err == nil {
		t.Errorf("the library has more types than %d", k.main.raw.count)
	}
}

func TestBigEndianBTF(t *testing.T) {
	b, err := btf.NewBuilder(fixtureTypes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.BigEndian})
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := open(t, data).Constant("TCP_CLOSE_WAIT"); !ok || c.Value != 8 {
		t.Errorf("TCP_CLOSE_WAIT is %+v, %v", c, ok)
	}
}

// moduleBTF is split BTF with one function and one enum on top of a base.
func moduleBTF(t *testing.T, base *Kernel) []byte {
	t.Helper()
	function, err := base.main.spec.AnyTypesByName("tcp_sendmsg")
	if err != nil {
		t.Fatal(err)
	}
	proto, err := base.main.spec.TypeID(function[0].(*btf.Func).Type)
	if err != nil {
		t.Fatal(err)
	}
	order := binary.NativeEndian // as marshal writes
	start := uint32(len(base.main.raw.strings))
	names := "nf_hook_slow\x00NF_MODULE_ONE\x00"
	var types bytes.Buffer
	for _, word := range []uint32{
		start, uint32(rawFunc)<<24 | 1, uint32(proto), // a global function
		0, uint32(rawEnum)<<24 | 1, 4, start + uint32(len("nf_hook_slow\x00")), 41, // an enum of one value
	} {
		types.Write(order.AppendUint32(nil, word))
	}
	header := order.AppendUint16(nil, btfMagic)
	header = append(header, btfVersion, 0)
	for _, word := range []uint32{btfHeaderLen, 0, uint32(types.Len()), uint32(types.Len()), uint32(len(names))} {
		header = order.AppendUint32(header, word)
	}
	return append(append(header, types.Bytes()...), names...)
}

// TestModule opens a folder like /sys/kernel/btf.
func TestModule(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "6.6.6-modules")
	alone := fixture(t)
	if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(filepath.Join(folder, "vmlinux"), marshal(t, fixtureTypes()...), 0o600),
		os.WriteFile(filepath.Join(folder, "nf-tables.btf"), moduleBTF(t, alone), 0o600)); err != nil {
		t.Fatal(err)
	}
	k, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if k.Release() != "6.6.6-modules" || k.ID() == alone.ID() {
		t.Errorf("release %q, and the id of a kernel without modules: %v", k.Release(), k.ID() == alone.ID())
	}
	sig, err := k.Function("nf_hook_slow")
	if err != nil {
		t.Fatal(err)
	}
	if want := "int nf_hook_slow(struct sock *sk, char *buf, long int arg2)"; sig.String() != want || sig.Module != "nf_tables" {
		t.Errorf("%s of module %q, want %s of nf_tables", sig, sig.Module, want)
	}
	if c, ok := k.Constant("NF_MODULE_ONE"); !ok || c.Value != 41 {
		t.Errorf("NF_MODULE_ONE is %+v, %v, want 41", c, ok)
	}
	if sig, err := k.Function("tcp_sendmsg"); err != nil || sig.Module != "" {
		t.Errorf("a function of the kernel itself: %+v, %v", sig, err)
	}
	if got := k.NearestFunctions("nf_hook_slwo"); len(got) != 1 || got[0] != "nf_hook_slow" {
		t.Errorf("nearest %q", got)
	}
	if err := os.WriteFile(filepath.Join(folder, "wrong"), []byte("no BTF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(folder); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(folder, "wrong")+": ") {
		t.Errorf("a file that holds no types: %v", err)
	}
}

func FuzzParseRaw(f *testing.F) {
	f.Add(marshal(f, fixtureTypes()...))
	f.Add(marshal(f, fixSock, fixStates))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRaw(data, nil)
		if err != nil {
			return
		}
		var count uint32
		for raw := range r.all() {
			r.text(raw.name)
			if raw.kind == rawEnum || raw.kind == rawEnum64 {
				for name := range r.values(raw) {
					r.offsets(string(r.text(name)))
				}
			}
			count++
		}
		if count != r.count {
			t.Errorf("walked %d types of %d", count, r.count)
		}
	})
}

func FuzzParseFormat(f *testing.F) {
	f.Add(formatText)
	f.Add("\tfield:int (*x)(void)[4];\toffset:8;\tsize:8;\tsigned:0;\n")
	k := fixture(f)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := k.parseFormat(text); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
