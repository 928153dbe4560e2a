package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Reset is a TCP socket whose peer sent a FIN, which led it to CLOSE_WAIT, and which
// sent a RST after that.
type Reset struct {
	Local, Remote netip.AddrPort // as the socket sees them that sent the RST
}

// Resets is what CloseWaitResets made, by the time between the two events.
type Resets struct {
	Soon   []Reset // less than the window
	Late   []Reset // the window or more
	Unsure []Reset // were to be soon, and this machine was too slow to say that they are
}

// CloseWaitResets makes sockets send a RST after they went to CLOSE_WAIT: so many less
// than a window later, and so many the window or more. It runs on loopback in a network
// namespace of its own, over IPv4 and, where the kernel has it, IPv6, and needs
// CAP_SYS_ADMIN. No other socket in there sends a RST.
//
// The RST is that of close(2), with data that nobody read (__tcp_close) or with a
// linger time of zero (tcp_disconnect, both net/ipv4/tcp.c): tcp_send_active_reset sends
// both, when the socket is in TCP_CLOSE already.
func CloseWaitResets(ctx context.Context, soon, late int, window time.Duration) (*Resets, error) {
	n, err := newNetwork()
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.closeWaitResets(ctx, soon, late, window)
}

// closeWaitResets is CloseWaitResets in a namespace that is there.
func (n *network) closeWaitResets(ctx context.Context, soon, late int, window time.Duration) (*Resets, error) {
	made := new(Resets)
	for i := 0; len(made.Soon) < soon; i++ {
		if err := n.resetSoon(ctx, i, window, made); err != nil {
			return nil, fmt.Errorf("socket %d: %w", i, err)
		}
	}
	return made, n.resetLate(ctx, late, window, made)
}

// resetSoon resets one socket at once. The times are taken around both events, so what
// they say of the time between is at most too much.
func (n *network) resetSoon(ctx context.Context, i int, window time.Duration, made *Resets) error {
	d, err := n.doom(i)
	if err != nil {
		return err
	}
	defer d.peer.close()
	start := time.Now()
	if err := d.toCloseWait(ctx); err != nil {
		d.socket.close()
		return err
	}
	d.socket.close()
	if time.Since(start) < window {
		made.Soon = append(made.Soon, d.reset)
	} else {
		made.Unsure = append(made.Unsure, d.reset)
	}
	return nil
}

// resetLate resets all sockets when the last one has been in CLOSE_WAIT for the window
// and a quarter of it.
func (n *network) resetLate(ctx context.Context, late int, window time.Duration, made *Resets) error {
	var all []*doomed
	defer func() {
		for _, d := range all {
			d.socket.close()
			d.peer.close()
		}
	}()
	for i := range late {
		d, err := n.doom(i)
		if err == nil {
			all = append(all, d)
			err = d.toCloseWait(ctx)
		}
		if err != nil {
			return fmt.Errorf("socket %d: %w", i, err)
		}
		made.Late = append(made.Late, d.reset)
	}
	if late == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(window + window/4):
		return nil
	}
}

// doomed is one connection whose one end is to send a RST.
type doomed struct {
	reset        Reset
	socket, peer socket
	unread       bool // what makes close send a RST: data not read, else no time to linger
}

// doom connects two sockets. Of four, each has another way to come to its RST: the
// socket connected or accepted, and one reason of two; neighbours differ in IP version.
func (n *network) doom(i int) (*doomed, error) {
	d := &doomed{socket: -1, peer: -1, unread: i%4 < 2}
	ipv6 := haveIPv6() && i/4%2 == 1
	err := n.do(func() error {
		listener, err := listenAt(loopback(ipv6))
		if err != nil {
			return err
		}
		defer listener.close()
		at, err := listener.local()
		if err != nil {
			return err
		}
		if d.peer, err = connectTo(at, 0); err != nil {
			return err
		}
		d.socket, err = listener.accept()
		return err
	})
	if err != nil {
		d.peer.close()
		return nil, err
	}
	if i%2 == 1 {
		d.socket, d.peer = d.peer, d.socket
	}
	err = d.name()
	if err == nil && !d.unread {
		err = unix.SetsockoptLinger(int(d.socket), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err != nil {
		d.socket.close()
		d.peer.close()
		return nil, err
	}
	return d, nil
}

// name notes the addresses while the socket still has them.
func (d *doomed) name() error {
	local, err := d.socket.local()
	remote, err2 := d.peer.local()
	d.reset = Reset{local, remote}
	return errors.Join(err, err2)
}

// toCloseWait has the peer send its FIN and waits until the socket has it.
func (d *doomed) toCloseWait(ctx context.Context) error {
	if d.unread {
		if _, err := d.peer.send(1, 0); err != nil {
			return err
		}
	}
	if err := d.peer.halfClose(); err != nil {
		return err
	}
	return wait(ctx, "the peer's FIN to arrive", func() (bool, error) {
		info, err := d.socket.info()
		return err == nil && State(info.State) == CloseWait, err
	})
}
