package attach

import (
	"slices"
	"strings"
	"testing"
)

// TestFitting wants the functions that a pattern means, those of modules too, but for a name
// that two of them have.
func TestFitting(t *testing.T) {
	const list = "tcp_sendmsg\ntcp_drop\nudp_sendmsg\ntcp_init [tcp_one]\ntcp_init [tcp_other]\ntcp_late [tcp_one]\n"
	for pattern, want := range map[string][]string{
		"tcp_*": {"tcp_sendmsg", "tcp_drop", "tcp_late"}, "*_sendmsg": {"tcp_sendmsg", "udp_sendmsg"}, "tcp": nil, "*none*": nil,
	} {
		got, err := fitting(strings.NewReader(list), pattern)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", pattern, got, err, want)
		}
	}
}
