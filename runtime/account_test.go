package runtime

import (
	"slices"
	"testing"
)

func TestAccountLines(t *testing.T) {
	for _, test := range []struct {
		account Account
		want    []string
	}{
		{Account{}, []string{"0 records"}},
		{Account{Delivered: 1}, []string{"1 record"}},
		{Account{Delivered: 2, LostRing: 3, LostSink: 4, FailedReads: 5, Limited: 6, OwnersFull: 7, Missed: 8}, []string{
			"2 records",
			"3 records lost: the buffer was full (a larger --ring-size, or a filter, helps)",
			"4 records lost: the output did not take them",
			"6 records left out by the rate limit",
			"5 reads of memory failed; the field has no value",
			"7 sockets without a known owner: the map of owners was full",
			"8 events missed, before any filter: the kernel could not run the program",
		}},
		{Account{FailedReads: 1, FiltersRead: true}, []string{
			"0 records",
			"1 read of memory failed; a field has no value then, and a filter leaves the event out",
		}},
	} {
		if got := test.account.Lines(); !slices.Equal(got, test.want) {
			t.Errorf("%+v:\n%q\nwant\n%q", test.account, got, test.want)
		}
		if complete := len(test.want) == 1; test.account.Complete() != complete {
			t.Errorf("%+v: complete is %v", test.account, !complete)
		}
	}
}
