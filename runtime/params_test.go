package runtime

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

// Types of params, as the checker makes them.
var (
	u8Type     = plan.Type{Kind: plan.Int, Size: 1}
	u16Type    = plan.Type{Kind: plan.Int, Size: 2, Meaning: plan.Port}
	s32Type    = plan.Type{Kind: plan.Int, Size: 4, Signed: true}
	u64Type    = plan.Type{Kind: plan.Int, Size: 8}
	s64Type    = plan.Type{Kind: plan.Int, Size: 8, Signed: true}
	spanType   = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.Duration}
	sizeType   = plan.Type{Kind: plan.Int, Size: 8, Meaning: plan.ByteSize}
	boolType   = plan.Type{Kind: plan.Bool, Size: 1}
	commType   = plan.Type{Kind: plan.String, Size: 16}
	ipType     = plan.Type{Kind: plan.IP, Size: 16}
	prefixType = plan.Type{Kind: plan.Prefix, Size: 20}
	stateType  = plan.Type{Kind: plan.Enumer, Size: 4, Enum: 1}
	openType   = plan.Type{Kind: plan.Int, Size: 4, Enum: 2}
)

func paramPlan(t plan.Type, isList bool) *plan.Plan {
	return &plan.Plan{
		Params: []plan.Param{{Name: "my_port", Type: t, List: isList}},
		Enums: []plan.Enum{
			{Name: "tcp_state", Values: []plan.EnumValue{{Name: "ESTABLISHED", Value: 1}, {Name: "LISTEN", Value: 10}}, Also: []plan.EnumValue{{Name: "TCP_ESTABLISHED", Value: 1}, {Name: "TCP_LISTEN", Value: 10}}},
			{Name: "open flags", Flags: true, Values: []plan.EnumValue{{Name: "O_CREAT", Value: 0100}, {Name: "O_EXCL", Value: 0200}}},
		},
	}
}

// Values are written as on a little-endian machine.
func TestParseParams(t *testing.T) {
	for _, test := range []struct {
		t    plan.Type
		text string
		want string // bytes in hex, or the error
	}{
		{u8Type, "255", "ff"},
		{u8Type, "256", "--my-port: 256 does not fit u8"},
		{u16Type, "443", "bb01"},
		{u16Type, "0x1bb", "bb01"},
		{u16Type, "0644", "a401"},
		{u16Type, "1_000", "e803"},
		{u16Type, "1__0", "--my-port: 1__0 is not a number"},
		{u16Type, "70000", "--my-port: 70000 does not fit u16"},
		{u16Type, "-1", "--my-port: -1 does not fit u16"},
		{u16Type, "-0", "0000"},
		{u16Type, "http", "--my-port: http is not a number"},
		{u16Type, "", "--my-port: '' is not a number"},
		{s32Type, "-2147483648", "00000080"},
		{s32Type, "-2147483649", "--my-port: -2147483649 does not fit s32"},
		{s32Type, "2147483647", "ffffff7f"},
		{s32Type, "2147483648", "--my-port: 2147483648 does not fit s32"},
		{u64Type, "18446744073709551615", "ffffffffffffffff"},
		{u64Type, "18446744073709551616", "--my-port: 18446744073709551616 does not fit u64"},
		{s64Type, "-9223372036854775808", "0000000000000080"},
		{s64Type, "9223372036854775808", "--my-port: 9223372036854775808 does not fit s64"},
		{spanType, "10ms", "8096980000000000"},
		{spanType, "1.5s", "002f685900000000"},
		{spanType, "7ns", "0700000000000000"},
		{spanType, "1d", "00004f91944e0000"},
		{spanType, "200000d", "--my-port: 200000d is not a duration such as 200ms or 1.5s"},
		{spanType, "-1s", "--my-port: -1s does not fit u64"},
		{spanType, "soon", "--my-port: soon is not a duration such as 200ms or 1.5s"},
		{sizeType, "4KiB", "0010000000000000"},
		{sizeType, "12B", "0c00000000000000"},
		{sizeType, "16777216TiB", "--my-port: 16777216TiB is not a size such as 4096 or 4KiB"},
		{sizeType, "4kb", "--my-port: 4kb is not a size: write 4KiB"},
		{boolType, "true", "01"},
		{boolType, "no", "00"},
		{boolType, "maybe", "--my-port: maybe is neither true nor false"},
		{commType, "nginx", "6e67696e780000000000000000000000"},
		{commType, "123456789012345", "31323334353637383930313233343500"},
		{commType, "1234567890123456", "--my-port: 1234567890123456 is longer than 15 bytes"},
		{commType, "a\x00b", "--my-port: a\x00b holds a NUL byte"},
		{ipType, "10.0.0.1", "00000000000000000000ffff0a000001"},
		{ipType, "2001:db8::1", "20010db8000000000000000000000001"},
		{ipType, "fe80::1%eth0", "--my-port: fe80::1%eth0 is not an IP address"},
		{ipType, "10.0.0", "--my-port: 10.0.0 is not an IP address"},
		{prefixType, "10.1.2.3/8", "6800000000000000000000000000ffff0a000000"},
		{prefixType, "10.1.2.3", "8000000000000000000000000000ffff0a010203"},
		{prefixType, "2001:db8::/32", "2000000020010db8000000000000000000000000"},
		{prefixType, "0.0.0.0/0", "6000000000000000000000000000ffff00000000"},
		{prefixType, "10.0.0.0/33", "--my-port: 10.0.0.0/33 is not a network such as 10.0.0.0/8 or 2001:db8::/32"},
		{stateType, "LISTEN", "0a000000"},
		{stateType, "TCP_LISTEN", "0a000000"},
		{stateType, "10", "0a000000"},
		{stateType, "LISTENING", "--my-port: LISTENING is no tcp_state: ESTABLISHED LISTEN; the kernel's names do too, such as TCP_ESTABLISHED"},
		{openType, "O_CREAT|O_EXCL", "c0000000"},
		{openType, "O_CREAT|O_WHAT", "--my-port: O_CREAT|O_WHAT is no open flags: O_CREAT O_EXCL"},
		{plan.Type{Kind: plan.Flow, Size: 40}, "x", `--my-port: x cannot be given: params have no values of kind "flow"`},
	} {
		values, err := ParseParams(paramPlan(test.t, false), map[string][]string{"my_port": {test.text}})
		got := ""
		if err != nil {
			got = err.Error()
		} else if v := values["my_port"]; len(v) == 1 {
			got = hex.EncodeToString(v[0])
		}
		if got != test.want {
			t.Errorf("%q as %s of %d: got %s, want %s", test.text, test.t.Kind, test.t.Size, got, test.want)
		}
	}
}

func TestParseParamsOfSeveralTexts(t *testing.T) {
	texts := map[string][]string{"my_port": {"1,2", "3", "2"}}
	values, err := ParseParams(paramPlan(u8Type, true), texts)
	if err != nil || !slices.EqualFunc(values["my_port"], []byte{1, 2, 3}, func(v plan.Value, b byte) bool { return v[0] == b }) {
		t.Errorf("a list of %v is %v, %v", texts, values, err)
	}
	values, err = ParseParams(paramPlan(u8Type, false), map[string][]string{"my_port": {"1", "3"}})
	if err != nil || len(values["my_port"]) != 1 || values["my_port"][0][0] != 3 {
		t.Errorf("the last of two texts is %v, %v", values, err)
	}
}

func TestParseParamsDefault(t *testing.T) {
	p := paramPlan(u8Type, false)
	p.Params[0].Default, p.Params[0].Given = "9", true
	values, err := ParseParams(p, nil)
	if err != nil || len(values["my_port"]) != 1 || values["my_port"][0][0] != 9 {
		t.Errorf("the default is %v, %v", values, err)
	}
	p.Params[0].Given = false
	if values, err = ParseParams(p, nil); err != nil || len(values) != 0 {
		t.Errorf("a param without default is %v, %v", values, err)
	}
}

// Every wrong text is reported, in the plan's order, unknown names last.
func TestParseParamsReportsAll(t *testing.T) {
	p := paramPlan(u8Type, true)
	_, err := ParseParams(p, map[string][]string{"my_port": {"1,x", "300"}, "b": {"1"}, "a": {"2"}})
	want := strings.Join([]string{
		"--my-port: x is not a number",
		"--my-port: 300 does not fit u8",
		"--a: 2 is for a param that the tracer does not have",
		"--b: 1 is for a param that the tracer does not have",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
