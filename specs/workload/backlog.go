package workload

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Backlog makes n connections to a socket that listens with a backlog of limit and accepts
// none; each is there before the next is asked for. It runs on loopback in a network
// namespace of its own and needs CAP_SYS_ADMIN.
func Backlog(ctx context.Context, limit, n int) error {
	network, err := newNetwork()
	if err != nil {
		return err
	}
	defer network.close()
	return network.do(func() error {
		listener, err := listenAt(loopback(false))
		if err != nil {
			return err
		}
		defer listener.close()
		if err := unix.Listen(int(listener), limit); err != nil {
			return fmt.Errorf("listen with a backlog of %d: %w", limit, err)
		}
		at, err := listener.local()
		if err != nil {
			return err
		}
		for i := range n {
			s, err := connectTo(at, 0)
			if err != nil {
				return err
			}
			defer s.close()
			// Of a socket that listens these are the connections that wait (tcp_get_info,
			// net/ipv4/tcp.c).
			err = wait(ctx, "a connection to wait", func() (bool, error) {
				info, err := listener.info()
				return err == nil && int(info.Unacked) == i+1, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
