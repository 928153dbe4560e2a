package plan

import "testing"

func TestParseSampling(t *testing.T) {
	for _, test := range []struct {
		kind   AttachKind
		target string
		want   Sampling
		wrong  string
	}{
		{Profile, "hz:99", Sampling{Frequency: 99}, ""},
		{Profile, "hz:100000", Sampling{Frequency: 100000}, ""},
		{Profile, "ms:10", Sampling{Period: 10_000_000}, ""},
		{Profile, "us:10", Sampling{Period: 10_000}, ""},
		{Interval, "s:3600", Sampling{Period: 3_600_000_000_000}, ""},
		{Software, "page-faults:100", Sampling{Event: "page-faults", Period: 100}, ""},
		{Software, "page-faults", Sampling{Event: "page-faults", Period: 1}, ""},
		{Hardware, "cache-misses:1000000", Sampling{Event: "cache-misses", Period: 1000000}, ""},
		{Profile, "hz:100001", Sampling{}, "hz:100001 is more often than every 10 us, the least that the kernel does"},
		{Interval, "us:9", Sampling{}, "us:9 is more often than every 10 us, the least that the kernel does"},
		{Interval, "s:9223372037", Sampling{}, "s:9223372037 is longer than the kernel can wait"},
		{Profile, "hz", Sampling{}, `"hz" does not say how often: write hz:99`},
		{Profile, "s", Sampling{}, `"s" is not a time: write hz:99, s:1, ms:10 or us:100`},
		{Profile, "min:1", Sampling{}, `"min:1" is not a time: write hz:99, s:1, ms:10 or us:100`},
		{Profile, "hz:0", Sampling{}, `"0" is not a number from 1`},
		{Software, "page-faults:-1", Sampling{}, `"-1" is not a number from 1`},
		{Hardware, "page-faults", Sampling{}, `there is no event "page-faults": branch-instructions branch-misses bus-cycles cache-misses cache-references cpu-cycles instructions ref-cycles stalled-cycles-backend stalled-cycles-frontend`},
	} {
		got, err := ParseSampling(test.kind, test.target)
		if got != test.want || err == nil != (test.wrong == "") || err != nil && err.Error() != test.wrong {
			t.Errorf("%s:%s: %+v, %v; want %+v, %s", test.kind, test.target, got, err, test.want, test.wrong)
		}
	}
}
