package daemon

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// rawHost writes lines, so that a test knows their order on the wire.
type rawHost struct {
	conn net.Conn
	in   *bufio.Reader
}

type rawAnswer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *rpc.Error      `json:"error"`
}

func dialRaw(t *testing.T, path string) *rawHost {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rawHost{conn, bufio.NewReader(conn)}
}

func (h *rawHost) send(t *testing.T, line string) {
	t.Helper()
	if _, err := h.conn.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
}

func (h *rawHost) answer(t *testing.T) (a rawAnswer) {
	t.Helper()
	if err := h.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := h.in.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return a
}

// makeBox makes an object and gives its handle's id.
func (h *rawHost) makeBox(t *testing.T) string {
	t.Helper()
	h.send(t, `{"jsonrpc":"2.0","id":"box","method":"shelf.Box","meta":{"returns":"ref"}}`)
	var box rpc.Ref
	if a := h.answer(t); a.Error != nil || json.Unmarshal(a.Result, &box) != nil {
		t.Fatalf("no box: %s %v", a.Result, a.Error)
	}
	return box.ID
}

func callInt(t *testing.T, c *rpc.Client, method string) int {
	t.Helper()
	n, err := strconv.Atoi(call(t, c, method, nil))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rssOf is what a process holds in memory, in bytes; 0 where nobody says.
func rssOf(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
