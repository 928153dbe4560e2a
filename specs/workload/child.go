package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"
)

// request is one order to a child: a line of JSON on its standard input.
type request struct {
	Do     string         // one of orders
	Socket int            // the number by which the parent calls the socket
	Addr   netip.AddrPort // listen: with port 0; connect, begin: of the peer
	Size   int            // more, send: bytes a call
	Count  int            // send, open: calls
	Dir    string         // open: see openName
}

// reply is the answer: a line of JSON on standard output.
type reply struct {
	Err      string
	Local    netip.AddrPort // of the socket
	State    State
	Unacked  uint32 // segments on their way
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
	"listen":  func(c *child, q *request, _ *reply) error { return c.put(q)(listenAt(q.Addr)) },
	"connect": func(c *child, q *request, _ *reply) error { return c.put(q)(connectTo(q.Addr, 0)) },
	"begin":   func(c *child, q *request, _ *reply) error { return c.put(q)(connectTo(q.Addr, unix.SOCK_NONBLOCK)) },
	"accept":  func(c *child, q *request, _ *reply) error { return c.put(q)(c.sockets[q.Socket].accept()) },
	"more": func(c *child, q *request, r *reply) error {
		return c.sockets[q.Socket].sends(1, q.Size, unix.MSG_MORE, r)
	},
	"send":       func(c *child, q *request, r *reply) error { return c.sockets[q.Socket].sends(q.Count, q.Size, 0, r) },
	"half-close": func(c *child, q *request, _ *reply) error { return c.sockets[q.Socket].halfClose() },
	"close":      func(c *child, q *request, _ *reply) error { return c.put(q)(-1, nil) },
	"open":       func(_ *child, q *request, r *reply) error { r.Returned = opens(q.Dir, q.Count); return nil },
}

// put returns a function that makes a new socket take the place of the one that the
// request names, which is closed: a listener ends once it has accepted.
func (c *child) put(q *request) func(socket, error) error {
	return func(s socket, err error) error {
		if err != nil {
			return err
		}
		if old, ok := c.sockets[q.Socket]; ok {
			old.close()
			delete(c.sockets, q.Socket)
		}
		if s >= 0 {
			c.sockets[q.Socket] = s
		}
		return nil
	}
}

// sends makes count calls of size bytes each.
func (s socket) sends(count, size, flags int, r *reply) error {
	for range count {
		n, err := s.send(size, flags)
		if err != nil {
			return err
		}
		r.Returned = append(r.Returned, n)
	}
	return nil
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
	r.State, r.Unacked = State(info.State), info.Unacked
	if r.Local, err = s.local(); err != nil {
		return fail(err)
	}
	return r
}

// serve takes the name comm and carries out requests until in ends: the parent closed
// it or is no more. What goes wrong is in the replies.
func serve(comm string, in io.Reader, out io.Writer) {
	encoder := json.NewEncoder(out)
	// The name of the calling thread, which is the process's first (see init).
	name, err := unix.BytePtrFromString(comm)
	if err == nil {
		err = setComm(name)
	}
	ready := new(reply)
	if err != nil {
		ready.Err = fmt.Sprintf("take the name %s: %v", comm, err)
	}
	c := &child{sockets: map[int]socket{}}
	decoder := json.NewDecoder(in)
	for r := ready; encoder.Encode(r) == nil; {
		q := new(request)
		if decoder.Decode(q) != nil {
			return
		}
		r = c.obey(q)
	}
}
