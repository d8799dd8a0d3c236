package metrics

import (
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/mochilang/mochi-pyd/internal/sock"
)

// Listen opens the door that the key metrics names, in the parts that the
// configuration has checked: a Unix socket with the mode and group of the
// hosts', or a port of this machine alone. "" as the network is none: nil.
func Listen(network, address string, mode os.FileMode, group string) (net.Listener, error) {
	switch network {
	case "":
		return nil, nil
	case "unix":
		l, err := sock.Listen(sock.Spec{Path: address, Mode: mode, Group: group})
		if err != nil {
			return nil, err // not l: a nil pointer in it would be no nil
		}
		return l, nil
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	// What localhost is, the machine's hosts file says.
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("%s is %s, which others can reach: write 127.0.0.1", address, l.Addr())
	}
	return l, nil
}

// room is a listener that holds so many guests at once; others wait in the
// backlog.
type room struct {
	net.Listener
	seats  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newRoom(l net.Listener, seats int) *room {
	return &room{Listener: l, seats: make(chan struct{}, seats), closed: make(chan struct{})}
}

// Accept waits for a seat, and then for a guest.
func (r *room) Accept() (net.Conn, error) {
	select {
	case r.seats <- struct{}{}:
	case <-r.closed:
		return nil, net.ErrClosed
	}
	c, err := r.Listener.Accept()
	if err != nil {
		<-r.seats
		return nil, err
	}
	return &seated{Conn: c, leave: sync.OnceFunc(func() { <-r.seats })}, nil
}

// Close closes the door.
func (r *room) Close() error {
	r.once.Do(func() { close(r.closed) })
	return r.Listener.Close()
}

// seated is a connection that gives its seat back.
type seated struct {
	net.Conn
	leave func()
}

// Close gives the seat back, once.
func (c *seated) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
