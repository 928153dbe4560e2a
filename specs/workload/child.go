package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// request is one order to a child: a line of JSON on its standard input.
type request struct {
	Do     string         // one of orders
	Socket int            // the number by which the parent calls the socket
	Addr   netip.AddrPort // listen: with port 0; connect, begin: of the peer
	Size   int            // send: bytes of the first call; see sendSize; receive: bytes in all
	Count  int            // send, open, read: calls
	Dir    string         // open: see openName; read: the disk's file
	Leave  Leave          // finish
}

// reply is the answer: a line of JSON on standard output.
type reply struct {
	Err      string
	Local    netip.AddrPort // of the socket
	State    State
	Unacked  uint32 // segments on their way
	Segments uint32 // that have come for the socket
	Returned []int  // what each call returned; a negative errno when it failed
}

// child is a process of a workload, seen from inside.
type child struct {
	sockets map[int]socket
}

// orders lists what a child can be told. Every order answers for its socket, if that
// is open then, as "tell" does.
var orders = map[string]func(*child, *request, *reply) error{
	"tell":    func(*child, *request, *reply) error { return nil },
	"listen":  opens(func(q *request) (socket, error) { return listenAt(q.Addr) }),
	"connect": opens(func(q *request) (socket, error) { return connectTo(q.Addr, 0) }),
	"begin":   opens(func(q *request) (socket, error) { return connectTo(q.Addr, unix.SOCK_NONBLOCK) }),
	"accept":  (*child).accept,
	"send":    (*child).send,
	"receive": (*child).receive,
	"finish":  (*child).finish,
	"open":    (*child).open,
	"read":    (*child).read,
	"eat":     (*child).eat,
}

// opens turns a way to open a socket into an order.
func opens(way func(*request) (socket, error)) func(*child, *request, *reply) error {
	return func(c *child, q *request, _ *reply) error {
		s, err := way(q)
		if err != nil {
			return err
		}
		c.sockets[q.Socket] = s
		return nil
	}
}

// accept puts the connection in the place of the listening socket, which is closed.
func (c *child) accept(q *request, _ *reply) error {
	listener := c.sockets[q.Socket]
	connection, err := listener.accept()
	if err != nil {
		return err
	}
	listener.close()
	c.sockets[q.Socket] = connection
	return nil
}

// send makes q.Count calls of bytes that are zero.
func (c *child) send(q *request, r *reply) error {
	for i := range q.Count {
		n, err := c.sockets[q.Socket].send(sendSize(q.Size, i), 0)
		if err != nil {
			return err
		}
		r.Returned = append(r.Returned, n)
	}
	return nil
}

// receive waits for q.Size bytes and reads no more.
func (c *child) receive(q *request, _ *reply) error {
	for left := q.Size; left > 0; {
		n, err := unix.Read(int(c.sockets[q.Socket]), make([]byte, left))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("the peer left %d bytes early", left)
		}
		left -= max(n, 0)
	}
	return nil
}

// finish sends a byte and a FIN as one segment: the byte waits for more, and the FIN
// joins it (tcp_send_fin, net/ipv4/tcp_output.c). Two segments would be sent again one
// by one. The byte waits 200 ms at most (tcp(7), TCP_CORK), so nothing else is done here.
func (c *child) finish(q *request, _ *reply) error {
	s := c.sockets[q.Socket]
	if _, err := s.send(1, unix.MSG_MORE); err != nil {
		return err
	}
	switch q.Leave {
	case Exit:
		unix.Exit(0) // at once, whatever Go would do before
	case Close:
		s.close()
		delete(c.sockets, q.Socket)
		return nil
	}
	return s.halfClose()
}

// obey carries out one request.
func (c *child) obey(q *request) *reply {
	r := new(reply)
	fail := func(err error) *reply {
		r.Err = fmt.Sprintf("%s: %v", q.Do, err)
		return r
	}
	order, ok := orders[q.Do]
	if !ok {
		return fail(errors.New("no such order"))
	}
	if err := order(c, q, r); err != nil {
		return fail(err)
	}
	s, ok := c.sockets[q.Socket]
	if !ok {
		return r
	}
	info, err := s.info()
	if err != nil {
		return fail(err)
	}
	r.State, r.Unacked, r.Segments = State(info.State), info.Unacked, info.Segs_in
	if r.Local, err = s.local(); err != nil {
		return fail(err)
	}
	return r
}

// serve takes the name comm and carries out requests until in ends: the parent closed
// it or is no more. What goes wrong is in the replies.
func serve(comm string, in io.Reader, out io.Writer) {
	ready := new(reply)
	if err := setComm(comm); err != nil {
		ready.Err = fmt.Sprintf("take the name %s: %v", comm, err)
	}
	c := &child{sockets: map[int]socket{}}
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for r := ready; encoder.Encode(r) == nil; {
		q := new(request)
		if decoder.Decode(q) != nil {
			return
		}
		r = c.obey(q)
	}
}

// setComm names the calling thread (PR_SET_NAME, prctl(2)), which is the process's first
// (see init) and so gives the process its name.
func setComm(comm string) error {
	name, err := unix.BytePtrFromString(comm)
	if err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
}
