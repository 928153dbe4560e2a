package decode

import (
	"math"
	"strings"
	"testing"

	"github.com/ebgen/ebgen/spec/plan"
)

func TestHostileLayout(t *testing.T) {
	u32 := number(4, false, plan.Plain)
	field := func(name string, t plan.Type, offset, bit int) plan.Field {
		return plan.Field{Name: name, Type: t, Offset: offset, Bit: bit}
	}
	typed := func(t plan.Type) plan.Record {
		return plan.Record{Size: 64, Absent: -1, Fields: []plan.Field{field("f", t, 0, -1)}}
	}
	hostile := []plan.Histogram{
		{}, {Bits: -1}, {Bits: 64},
		{Linear: true, Low: 0, High: 10, Step: 0},
		{Linear: true, Low: 10, High: 10, Step: 1},
		{Linear: true, Low: math.MinInt64, High: math.MaxInt64, Step: 1},
	}
	for _, c := range []struct {
		record plan.Record
		want   string
	}{
		{plan.Record{Size: -8, Absent: -1}, "size -8 is not between 0 and"},
		{plan.Record{Size: math.MaxInt, Absent: -1}, "is not between 0 and"},
		{plan.Record{Size: 8, Absent: 4}, "the absent word lies outside of the record's 8 bytes"},
		{plan.Record{Size: 8, Absent: math.MaxInt - 3}, "the absent word lies outside"},
		{plan.Record{Size: 8, Absent: -2}, "the absent word lies outside"},
		{plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{field("f", u32, 5, -1)}}, `field "f" lies outside of the record's 8 bytes`},
		{plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{field("f", u32, -1, -1)}}, `field "f" lies outside`},
		{plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{field("f", u32, math.MaxInt-1, -1)}}, `field "f" lies outside`},
		{plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{field("b", u32, 3, -1), field("a", u32, 0, -1)}}, `field "a" and field "b" overlap`},
		{plan.Record{Size: 16, Absent: 0, Fields: []plan.Field{field("f", u32, 7, -1)}}, `the absent word and field "f" overlap`},
		{plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{field("f", u32, 0, -1), field("f", u32, 4, -1)}}, `two fields are named "f"`},
		{plan.Record{Size: 8, Absent: -1, Fields: []plan.Field{field("f", u32, 0, 0)}}, `field "f": there is no bit 0 in the absent word`},
		{plan.Record{Size: 16, Absent: 0, Fields: []plan.Field{field("f", u32, 8, 64)}}, `there is no bit 64 in the absent word`},
		{plan.Record{Size: 16, Absent: 0, Fields: []plan.Field{field("f", u32, 8, -2)}}, `there is no bit -2 in the absent word`},
		{plan.Record{Size: 16, Absent: 0, Fields: []plan.Field{field("f", u32, 8, 3), field("g", u32, 12, 3)}}, `fields "f" and "g" share bit 3`},
		{typed(plan.Type{Kind: plan.Aggregate, Size: 8}), `field "f": a value of kind "struct" cannot be in a record`},
		{typed(plan.Type{}), `a value of kind "" cannot be in a record`},
		{typed(number(3, false, plan.Plain)), `a value of kind "int" cannot have 3 bytes`},
		{typed(plan.Type{Kind: plan.String}), `a value of kind "string" cannot have 0 bytes`},
		{typed(plan.Type{Kind: plan.Bytes, Size: -1}), `a value of kind "bytes" cannot have -1 bytes`},
		{typed(plan.Type{Kind: plan.Bytes, Size: math.MaxInt}), `a value of kind "bytes" cannot have`},
		{typed(plan.Type{Kind: plan.Flow, Size: 8}), `a value of kind "flow" cannot have 8 bytes`},
		{typed(plan.Type{Kind: plan.Int, Size: 2, BigEndian: true}), "host values only"},
		{typed(enumOf(len(testEnums)+1, 4, false)), "there is no enum 7 in the plan"},
		{typed(enumOf(-1, 4, false)), "there is no enum -1 in the plan"},
		{typed(number(4, false, "fathoms")), `a value of kind "int" cannot be shown as "fathoms"`},
		{typed(plan.Type{Kind: plan.IP, Size: 16, Meaning: plan.Time}), `a value of kind "ip" cannot be shown as "time"`},
		{typed(plan.Type{Kind: plan.Float, Size: 4}), `a value of kind "float" cannot have 4 bytes`},
		{typed(floatOf(plan.Errno)), `a value of kind "float" cannot be shown as "errno"`},
		{typed(plan.Type{Kind: plan.Hist, Size: 8}), "there is no histogram 0 in the plan"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: len(hostile) + 1}), "there is no histogram"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: 1}), "histogram 1 has 65 buckets, which are not 8 bytes"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: 2}), "histogram 2 of the plan is none"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: 3}), "histogram 3 of the plan is none"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: 4}), "histogram 4 of the plan is none"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: 5}), "histogram 5 of the plan is none"},
		{typed(plan.Type{Kind: plan.Hist, Size: 8, Hist: 6}), "histogram 6 of the plan is none"},
	} {
		_, err := New(&plan.Plan{Name: "test", Enums: testEnums, Histograms: hostile, Record: c.record}, testEnv())
		if err == nil || !strings.HasPrefix(err.Error(), "record of test: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %s", c.record, err, c.want)
		}
	}
}

func TestEmptyRecord(t *testing.T) {
	d, err := New(&plan.Plan{Name: "test", Record: plan.Record{Absent: -1}}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := d.Decode(nil); err != nil || len(v) != 0 || len(d.Columns()) != 0 {
		t.Errorf("%v %v", v, err)
	}
}
