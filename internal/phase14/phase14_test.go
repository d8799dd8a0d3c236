package phase14_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mochilang/mochi-pyd/render"
	"github.com/mochilang/mochi-pyd/rpc"
)

// TestPhase14SubprocessRuntime is the umbrella of rows M1 to M6 (M7).
func TestPhase14SubprocessRuntime(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("M1 protocol types", protocolTypes)
	t.Run("M2 framing", framing)
	t.Run("M3 codec", codec)
	t.Run("M4 client", client)
	t.Run("M5 server", server)
	t.Run("M6 rendering", rendering)
}

// duplex is one end of a pair of io.Pipes.
type duplex struct {
	*io.PipeReader
	*io.PipeWriter
}

func (d duplex) Close() error {
	return errors.Join(d.PipeReader.Close(), d.PipeWriter.Close())
}

func pipes() (host, daemon duplex) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return duplex{r1, w2}, duplex{r2, w1}
}

// serve runs a server with MEP-71's example methods over a pair of pipes.
func serve(t *testing.T) duplex {
	t.Helper()
	mux := rpc.NewMux()
	mux.Func("add", func(_ context.Context, params json.RawMessage) (any, error) {
		var n []int
		if err := json.Unmarshal(params, &n); err != nil || len(n) != 2 {
			return nil, rpc.Errorf(rpc.KindInvalidParams, "add takes two numbers")
		}
		return n[0] + n[1], nil
	})
	mux.Func("mine", func(context.Context, json.RawMessage) (any, error) {
		return nil, &rpc.Error{Code: -7, Message: "my own", Data: json.RawMessage(`{"a":[1.0]}`)}
	})
	mux.Func("generic", func(context.Context, json.RawMessage) (any, error) {
		return nil, errors.New("something broke")
	})
	mux.Func("wait", func(ctx context.Context, _ json.RawMessage) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s, err := rpc.NewServer(mux, rpc.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	host, daemon := pipes()
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(context.Background(), daemon) }()
	t.Cleanup(func() {
		_ = host.Close()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("ServeConn: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("ServeConn does not return")
		}
		mux.Wait()
	})
	return host
}

func protocolTypes(t *testing.T) {
	for name, codes := range map[string][2]int{
		"parse error":      {rpc.CodeParseError, -32700},
		"invalid request":  {rpc.CodeInvalidRequest, -32600},
		"method not found": {rpc.CodeMethodNotFound, -32601},
		"invalid params":   {rpc.CodeInvalidParams, -32602},
		"internal error":   {rpc.CodeInternalError, -32603},
	} {
		if codes[0] != codes[1] {
			t.Errorf("%s is %d, want %d", name, codes[0], codes[1])
		}
	}
	var none *rpc.RPCError
	if none.Error() == "" {
		t.Error("Error() on nil says nothing")
	}
	request, err := rpc.NewRequest(1, "add", []int{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	notification, err := rpc.NewNotification("tick", nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]*rpc.Request{
		`{"jsonrpc":"2.0","id":1,"method":"add","params":[3,4]}`: request,
		`{"jsonrpc":"2.0","method":"tick"}`:                      notification,
	} {
		raw, err := json.Marshal(r)
		var back rpc.Request
		if err != nil || string(raw) != want || json.Unmarshal(raw, &back) != nil || back.Method != r.Method || !bytes.Equal(back.ID, r.ID) {
			t.Errorf("%s, %v; want %s", raw, err, want)
		}
	}
	response, err := rpc.NewResponse(request.ID, 7)
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]*rpc.Response{
		`{"jsonrpc":"2.0","id":1,"result":7}`: response,
		`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":[1]}}`: rpc.NewErrorResponse(request.ID,
			&rpc.Error{Code: -1, Message: "m", Data: json.RawMessage("[1]")}),
	} {
		raw, err := json.Marshal(r)
		var back rpc.Response
		if err != nil || string(raw) != want || json.Unmarshal(raw, &back) != nil || !bytes.Equal(back.Result, r.Result) {
			t.Errorf("%s, %v; want %s", raw, err, want)
		}
	}
}

func framing(t *testing.T) {
	var b bytes.Buffer
	if err := rpc.WriteFrame(&b, []byte("one")); err != nil || b.String() != "one\n" {
		t.Errorf("a newline is appended: %q, %v", b.String(), err)
	}
	if err := rpc.WriteFrame(&b, []byte("a\nb")); !errors.Is(err, rpc.ErrNewline) {
		t.Errorf("an embedded newline: %v", err)
	}
	var long *rpc.FrameTooLongError
	if err := rpc.WriteFrame(&b, make([]byte, rpc.MaxFrameSize+1)); !errors.As(err, &long) {
		t.Errorf("over MaxFrameSize: %v", err)
	}

	payload := strings.Repeat("0123456789abcdef", 8<<10) // 128 KiB
	r, w := io.Pipe()
	go func() {
		_ = rpc.WriteFrame(w, []byte(payload))
		_, _ = io.WriteString(w, "crlf\r\n"+strings.Repeat("x", 300_000)+"\nnext\n")
		_ = w.Close()
	}()
	f := rpc.NewFrameReader(r, 200_000)
	for _, want := range []string{payload, "crlf"} {
		if line, err := f.Next(); err != nil || string(line) != want {
			t.Fatalf("got %.20q, %v; want %.20q", line, err, want)
		}
	}
	if _, err := f.Next(); !errors.As(err, &long) {
		t.Errorf("over the limit on reading: %v", err)
	}
	if line, err := f.Next(); err != nil || string(line) != "next" {
		t.Errorf("the line behind: %q, %v", line, err)
	}
	if _, err := f.Next(); err != io.EOF {
		t.Errorf("a clean end: %v", err)
	}
	if line, err := rpc.NewFrameReader(strings.NewReader("whole\npart"), 0).Next(); err != nil || string(line) != "whole" {
		t.Errorf("%q, %v", line, err)
	}
	f = rpc.NewFrameReader(strings.NewReader("part"), 0)
	if line, err := f.Next(); err != io.ErrUnexpectedEOF || string(line) != "part" {
		t.Errorf("an end inside a line: %q, %v", line, err)
	}
}

func codec(t *testing.T) {
	host, daemon := pipes()
	defer host.Close()
	defer daemon.Close()
	a, b := rpc.NewCodec(host, host, 0), rpc.NewCodec(daemon, daemon, 0)
	sent, err := rpc.NewRequest(1, "add", []int{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- a.WriteRequest(sent) }()
	got, err := b.ReadRequest()
	if err != nil || got.Method != "add" || string(got.Params) != "[3,4]" || string(got.ID) != "1" {
		t.Errorf("request: %+v, %v", got, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	answer, err := rpc.NewResponse(got.ID, 7)
	if err != nil {
		t.Fatal(err)
	}
	go func() { wrote <- b.WriteResponse(answer) }()
	if r, err := a.ReadResponse(); err != nil || string(r.Result) != "7" || string(r.ID) != "1" {
		t.Errorf("response: %+v, %v", r, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}

	if err := a.WriteRequest(&rpc.Request{JSONRPC: "1.0", Method: "add"}); err == nil {
		t.Error("a wrong version was written")
	}
	for line, code := range map[string]int{
		`{"jsonrpc":"1.0","id":1,"method":"add"}`: rpc.CodeInvalidRequest,
		`{"id":1,"method":"add"}`:                 rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1}`:                rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1,"method":`:       rpc.CodeParseError,
	} {
		_, err := rpc.NewCodec(strings.NewReader(line+"\n"), io.Discard, 0).ReadRequest()
		var e *rpc.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v, want %d", line, err, code)
		}
	}
}

func client(t *testing.T) {
	ctx := context.Background()
	c := rpc.NewClient(serve(t))
	defer c.Close()
	var sum int
	if err := c.Call(ctx, "add", []int{3, 4}, &sum); err != nil || sum != 7 {
		t.Errorf("add(3, 4) is %d, %v", sum, err)
	}
	var e *rpc.RPCError
	if err := c.Call(ctx, "mine", nil, nil); !errors.As(err, &e) || e.Code != -7 || e.Message != "my own" || string(e.Data) != `{"a":[1.0]}` {
		t.Errorf("an error on its way: %+v, %v", e, err)
	}
	if err := c.Call(ctx, "generic", nil, nil); !errors.As(err, &e) || e.Code != rpc.CodeInternalError || e.Message != "something broke" {
		t.Errorf("a generic error: %+v, %v", e, err)
	}
	limited, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := c.Call(limited, "wait", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context that ended: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Call(ctx, "add", []int{1, 2}, &sum); !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}

	host, daemon := pipes() // ids, seen from the other end
	c = rpc.NewClient(host)
	defer c.Close()
	peer := rpc.NewCodec(daemon, daemon, 0)
	served := make(chan string, 1)
	go func() {
		var ids []string
		for range 3 {
			r, err := peer.ReadRequest()
			if err != nil {
				break
			}
			ids = append(ids, string(r.ID))
			if answer, err := rpc.NewResponse(r.ID, nil); err != nil || peer.WriteResponse(answer) != nil {
				break
			}
		}
		served <- strings.Join(ids, " ")
	}()
	for range 3 {
		if err := c.Call(ctx, "any", nil, nil); err != nil {
			t.Error(err)
		}
	}
	if ids := <-served; ids != "1 2 3" {
		t.Errorf("ids were %s", ids)
	}
}

func server(t *testing.T) {
	if _, err := rpc.NewServer(nil, rpc.Limits{}); err == nil {
		t.Error("a nil handler was taken")
	}
	host := serve(t)
	lines := rpc.NewFrameReader(host, 0)
	for _, step := range []struct{ in, out string }{
		{`{"jsonrpc":"2.0",`, `"code":-32700`},
		{`nonsense`, `"code":-32700`},
		{`{"jsonrpc":"2.0","id":1,"method":"nope"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601`},
		{`{"jsonrpc":"2.0","id":2,"method":"mine"}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-7,"message":"my own","data":{"a":[1.0]}}}`},
		{`{"jsonrpc":"2.0","id":3,"method":"add","params":[3,4]}`, `{"jsonrpc":"2.0","id":3,"result":7}`},
	} {
		if err := rpc.WriteFrame(host, []byte(step.in)); err != nil {
			t.Fatal(err)
		}
		if line, err := lines.Next(); err != nil || !strings.Contains(string(line), step.out) {
			t.Errorf("%s got %s, %v; want %s", step.in, line, err, step.out)
		}
	}
}

func rendering(t *testing.T) {
	for name, o := range map[string]render.WorkerOptions{
		"empty import":            {Methods: []string{"add"}},
		"empty methods":           {ModuleImport: "from m import add"},
		"a name that is none":     {ModuleImport: "from m import add", Methods: []string{"add()"}},
		"a keyword":               {ModuleImport: "from m import add", Methods: []string{"class"}},
		"a dotted name":           {ModuleImport: "import m", Methods: []string{"m.add"}},
		"Public without a module": {Public: true},
	} {
		if o.Validate() == nil {
			t.Errorf("%s: valid", name)
		}
		if _, err := render.RenderWorker(o); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
	source := func(o render.WorkerOptions) string {
		s, err := render.RenderWorker(o)
		if err != nil {
			t.Fatal(err)
		}
		return s.Source
	}
	wants := func(shape, source string, texts ...string) {
		for _, text := range texts {
			if !strings.Contains(source, text) {
				t.Errorf("the %s script lacks %q", shape, text)
			}
		}
	}
	common := []string{
		"_PARSE_ERROR = -32700", "_METHOD_NOT_FOUND = -32601", "_INTERNAL_ERROR = -32603",
		"_METHODS", `if __name__ == "__main__":`,
	}
	sync := source(render.WorkerOptions{ModuleImport: "from m import add", Methods: []string{"add"}})
	wants("synchronous", sync, append(common, "def _dispatch(req)", "def _main()")...)
	if strings.Contains(sync, "asyncio") {
		t.Error("the synchronous script mentions asyncio")
	}
	async := source(render.WorkerOptions{ModuleImport: "from m import get", Methods: []string{"get"}, Async: true})
	wants("asynchronous", async, append(common, "_dispatch(req)", "async def _main()", "await _METHODS[method](*params)", "asyncio.run(_main())")...)
	public := source(render.WorkerOptions{Public: true, Modules: []string{"xml.etree"}, Methods: []string{"ElementTree.fromstring"}})
	wants("public", public, append(common, "xml.etree", "ElementTree.fromstring")...)
	for _, ending := range []string{"", "\n", "\n\n\n", "\r\n"} {
		if source(render.WorkerOptions{ModuleImport: "from m import add" + ending, Methods: []string{"add"}}) != sync {
			t.Errorf("an import that ends with %q renders differently", ending)
		}
	}
}
