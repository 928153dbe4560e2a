package ktype

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Lines of format files of Linux 6.18 and, where marked, of others.
const formatText = `name: example
ID: 2306
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:void * skbaddr;	offset:8;	size:8;	signed:0;
	field:char prev_comm[16];	offset:16;	size:16;	signed:0;
	field:char next_comm[TASK_COMM_LEN];	offset:32;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:48;	size:4;	signed:1;
	field:__data_loc char[] name;	offset:52;	size:4;	signed:0;
	field:__data_loc u64[] addrs;	offset:56;	size:4;	signed:0;
	field:__data_loc cpumask_t cpumask;	offset:60;	size:4;	signed:0;
	field:__rel_loc char[] relative;	offset:64;	size:4;	signed:0;
	field:__u8 saddr_v6[16];	offset:68;	size:16;	signed:0;
	field:const struct sock *sk;	offset:88;	size:8;	signed:0;
	field:enum verdict verdict;	offset:96;	size:4;	signed:1;
	field:xfs_lsn_t lsn;	offset:104;	size:8;	signed:1;
	field:enum unknown kind;	offset:112;	size:4;	signed:0;
	field:size_t narrow;	offset:116;	size:4;	signed:0;
	field:struct timespec64 when;	offset:120;	size:16;	signed:0;
	field:void __seg_gs * ptr;	offset:144;	size:8;	signed:0;
	field:__be16 dport;	offset:136;	size:2;	signed:0;

print fmt: "dev=%s field:%p", __get_str(name), REC->skbaddr
`

func TestParseFormat(t *testing.T) {
	f, err := fixture(t).parseFormat(formatText)
	if err != nil {
		t.Fatal(err)
	}
	want := `void * skbaddr at 8+8
char [16] prev_comm at 16+16
char [16] next_comm at 32+16
pid_t prev_pid at 48+4 signed
char [0] name at 52+4 dynamic
u64 [0] addrs at 56+4 dynamic
u8 [0] cpumask at 60+4 dynamic
u32 __rel_loc_relative at 64+4
__u8 [16] saddr_v6 at 68+16
struct sock * sk at 88+8
enum verdict verdict at 96+4 signed
s64 lsn at 104+8 signed
u32 kind at 112+4
u32 narrow at 116+4
u8 [16] when at 120+16
void * ptr at 144+8
__be16 dport at 136+2`
	if got := formatLines(f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if port := f.Fields[len(f.Fields)-1].Type; !port.BigEndian {
		t.Error("a __be16 field lost its byte order")
	}
}

func formatLines(f *Format) string {
	var lines []string
	for _, field := range f.Fields {
		line := fmt.Sprintf("%s %s at %d+%d", field.Type, field.Name, field.Offset, field.Size)
		if field.Signed {
			line += " signed"
		}
		if field.Dynamic {
			line += " dynamic"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestParseFormatRefuses(t *testing.T) {
	k := fixture(t)
	for _, text := range []string{
		"",
		"name: x\nformat:\n",
		"\tfield:int;\toffset:0;\tsize:4;\tsigned:1;\n",
		"\tfield:int x;\toffset:many;\tsize:4;\tsigned:1;\n",
		"\tfield:int x;\toffset:-8;\tsize:4;\tsigned:1;\n",
		"\tfield:char x[;\toffset:0;\tsize:4;\tsigned:1;\n",
		"\tfield:;\toffset:0;\tsize:4;\tsigned:1;\n",
	} {
		if f, err := k.parseFormat(text); err == nil {
			t.Errorf("%q gives %s", text, formatLines(f))
		}
	}
}

func TestStoredTracepoint(t *testing.T) {
	k := fixture(t)
	f, err := k.Tracepoint("sock", "inet_sock_set_state")
	if err != nil {
		t.Fatal(err)
	}
	want := "void * skaddr at 8+8\nint oldstate at 16+4 signed\nchar [0] name at 20+4 dynamic"
	if got := formatLines(f); got != want || f.Struct != "trace_event_raw_inet_sock_set_state" {
		t.Errorf("struct %s\n%s\nwant\n%s", f.Struct, got, want)
	}
	_, err = k.Tracepoint("sock", "named_by_class")
	if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "rawtracepoint:named_by_class") {
		t.Errorf("an event of another class: %v, want a way out", err)
	}
	for _, absent := range []string{"no_such_event", "only_a_class"} {
		if _, err = k.Tracepoint("sock", absent); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is no event, but: %v", absent, err)
		}
	}
}
