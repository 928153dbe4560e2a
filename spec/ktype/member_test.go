package ktype

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestMembers(t *testing.T) {
	k := fixture(t)
	common, err := k.Named("struct", "sock_common")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range common.Members() {
		got = append(got, fmt.Sprintf("%s %s at %d", m.Type, m.Name, m.Offset))
		if m.Bits > 0 {
			got[len(got)-1] += fmt.Sprintf(":%d", m.Bits)
		}
	}
	want := []string{
		"unsigned int skc_portpair at 0",
		"__be16 skc_dport at 0",
		"u16 skc_num at 16",
		"unsigned char skc_state at 32",
		"unsigned char skc_reuse at 40:4",
		"unsigned char skc_ipv6only at 45:1",
		"struct proto * skc_prot at 64",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("members are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if port, err := common.Member("skc_dport"); err != nil || !port.Type.BigEndian {
		t.Errorf("skc_dport is %+v, %v, want a big-endian one", port, err)
	}
}

// A struct that the pointer only declares is completed by its tag.
func TestMemberOfDeclaredStruct(t *testing.T) {
	k := fixture(t)
	common, err := k.Named("struct", "sock_common")
	if err != nil {
		t.Fatal(err)
	}
	prot, err := common.Member("skc_prot")
	if err != nil {
		t.Fatal(err)
	}
	name, err := prot.Type.Elem().Member("name")
	if err != nil {
		t.Fatal(err)
	}
	if got := name.Type.String(); got != "char [16]" {
		t.Errorf("name is %s, want char [16]", got)
	}
}

func TestNoMember(t *testing.T) {
	k := fixture(t)
	for _, test := range []struct {
		tag, name string
		message   string
		nearest   []string
	}{
		{
			"sock_common", "skc_dprt", `struct sock_common has no field "skc_dprt"`,
			[]string{"skc_dport (__be16)", "skc_prot (struct proto *)"},
		},
		{
			"sock", "skc_dport", `struct sock has no field "skc_dport"`,
			[]string{"__sk_common.skc_dport (__be16)"},
		},
		{
			"sock", "sk_prtocol", `struct sock has no field "sk_prtocol"`,
			[]string{"sk_protocol (u16)"},
		},
		{
			"tcp_sock", "skc_state", `struct tcp_sock has no field "skc_state"`,
			[]string{"inet_conn.sk.__sk_common.skc_state (unsigned char)"},
		},
		{
			"sock", "skc_stat", `struct sock has no field "skc_stat"`,
			[]string{"__sk_common.skc_state (unsigned char)"},
		},
		{"sock", "nothing_like_it", `struct sock has no field "nothing_like_it"`, nil},
	} {
		s, err := k.Named("struct", test.tag)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Member(test.name)
		var missing *NoMember
		if !errors.As(err, &missing) {
			t.Errorf("%s.%s: %v is no *NoMember", test.tag, test.name, err)
			continue
		}
		if err.Error() != test.message {
			t.Errorf("message %q, want %q", err, test.message)
		}
		if strings.Join(missing.Nearest, ", ") != strings.Join(test.nearest, ", ") {
			t.Errorf("%s.%s: nearest %q, want %q", test.tag, test.name, missing.Nearest, test.nearest)
		}
	}
}

func TestMemberOfNoStruct(t *testing.T) {
	k := fixture(t)
	if _, err := k.typeOf(fixInt).Member("x"); err == nil || err.Error() != "int has no fields: it is not a struct" {
		t.Errorf("member of an int: %v", err)
	}
	unknown := Type{Kind: Struct, Name: "hidden", kernel: k}
	if _, err := unknown.Member("x"); err == nil || !strings.Contains(err.Error(), "only declares it") {
		t.Errorf("member of a struct without a definition: %v", err)
	}
}
