package specs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUserStructs wants what structs in the memory of a process say, also those that other
// ones there lead to: 37 addresses that it connects to, and 37 messages of two parts each.
func TestUserStructs(t *testing.T) {
	const times = 37
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	var want, seen []string
	got := trace(t, map[string][]string{"process": {strconv.Itoa(os.Getpid())}}, func(context.Context) error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		for i := range times {
			port, first, second := 1009+17*i, fmt.Sprintf("first %d", i), fmt.Sprintf("second %d", i)
			err := unix.Connect(s, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 1, byte(i)}})
			_, sendErr := unix.SendmsgBuffers(pair[0], [][]byte{[]byte(first + "\x00"), []byte(second + "\x00")}, nil, nil, 0)
			if err := errors.Join(err, sendErr); err != nil {
				return err
			}
			if _, err := unix.Read(pair[1], make([]byte, 64)); err != nil {
				return err
			}
			want = append(want, fmt.Sprintf("connect 127.0.1.%d %d", i, port), fmt.Sprintf("send %q %d %q %q %q %q", first, len(first)+1, second, first, first[1:], first[:5]))
		}
		return nil
	}, "user_structs")[0]
	for _, r := range got.records {
		if r["port"] != nil {
			seen = append(seen, fmt.Sprintf("connect %v %v", r["address"], r["port"]))
		} else {
			seen = append(seen, fmt.Sprintf("send %q %v %q %q %q %q", r["first"], r["length"], r["second"], r["number"], r["moved"], r["bytes"]))
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}
