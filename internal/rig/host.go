package rig

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

const readLimit = 60 * time.Second // longer than any answer a test waits for

// Answer is one response, as a strict client reads it.
type Answer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *Failure        `json:"error"`
}

// Failure is an error object.
type Failure struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Data    map[string]any `json:"data"`
}

// Kind is data.kind.
func (f *Failure) Kind() string {
	if f == nil {
		return ""
	}
	kind, _ := f.Data["kind"].(string)
	return kind
}

// Host is one connection, spoken to in raw lines.
type Host struct {
	conn net.Conn
	in   *bufio.Reader
	last int
}

// Dial connects to a socket of the daemon.
func Dial(path string) (*Host, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Host{conn: conn, in: bufio.NewReader(conn)}, nil
}

// Send writes one line.
func (h *Host) Send(line string) error {
	_, err := h.conn.Write([]byte(line + "\n"))
	return err
}

// Line reads one line, without its newline.
func (h *Host) Line() (string, error) {
	if err := h.conn.SetReadDeadline(time.Now().Add(readLimit)); err != nil {
		return "", err
	}
	line, err := h.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	return line[:len(line)-1], nil
}

// Read reads one response.
func (h *Host) Read() (Answer, error) {
	line, err := h.Line()
	if err != nil {
		return Answer{}, fmt.Errorf("read an answer: %w", err)
	}
	var a Answer
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		return Answer{}, fmt.Errorf("answer %q: %w", line, err)
	}
	return a, nil
}

// Call sends one request and reads the next answer. params is JSON, or "" for
// none.
func (h *Host) Call(method, params string) (Answer, error) {
	h.last++
	if err := h.Send(Request(h.last, method, params)); err != nil {
		return Answer{}, fmt.Errorf("send %s: %w", method, err)
	}
	return h.Read()
}

// Request is one request's line.
func Request(id int, method, params string) string {
	if params != "" {
		params = `,"params":` + params
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q%s}`, id, method, params)
}

// Finish says that nothing more will be sent, and goes on reading.
func (h *Host) Finish() {
	if c, ok := h.conn.(*net.UnixConn); ok {
		_ = c.CloseWrite()
	}
}

// Close hangs up.
func (h *Host) Close() error { return h.conn.Close() }
