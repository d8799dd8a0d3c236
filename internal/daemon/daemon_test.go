package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/rpc"
)

// running is a daemon under test, with real workers.
type running struct {
	*Daemon
	dir           string
	host, control string
	first         func(*Daemon) // is called before Run; may be nil
	stop          context.CancelFunc
	ended         chan error
}

// start serves a configuration ("" = none) with modules in dir/lib.
func start(t *testing.T, toml string, modules map[string]string) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "mochi-daemon-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &running{dir: dir, host: filepath.Join(dir, "rpc.sock"), control: filepath.Join(dir, "ctl.sock"), ended: make(chan error, 1)}
	for name, source := range modules {
		r.write(t, name, source)
	}
	c := config.Default()
	if toml != "" {
		if c, err = config.Parse("test.toml", dir, []byte(toml)); err != nil {
			t.Fatal(err)
		}
	}
	for key, word := range map[string]string{"workers": "1", "python-path": filepath.Join(dir, "lib")} {
		if key == "workers" && strings.Contains(toml, "workers = ") {
			continue // the test says itself how many
		}
		if err := c.Set(config.SectionPoolDefaults, key, "", word); err != nil {
			t.Fatal(err)
		}
	}
	r.serve(t, c)
	return r
}

// serve runs the daemon until the test ends.
func (r *running) serve(t *testing.T, c *config.Config) {
	t.Helper()
	ready := make(chan struct{})
	var err error
	r.Daemon, err = New(Options{
		Config: c, Logger: hclog.NewNullLogger(), Version: version.Of("test"), Environ: os.Environ(),
		RuntimeDir: filepath.Join(r.dir, "runtime"), Ready: func() { close(ready) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.first != nil {
		r.first(r.Daemon)
	}
	var l Listeners
	if l.Host, err = net.Listen("unix", r.host); err != nil {
		t.Fatal(err)
	}
	if l.Control, err = net.Listen("unix", r.control); err != nil {
		t.Fatal(err)
	}
	settings := c.Daemon()
	network, address := settings.Endpoint()
	if l.Metrics, err = metrics.Listen(network, address, settings.SocketMode, ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- r.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
	<-ready
}

func (r *running) write(t *testing.T, module, source string) {
	t.Helper()
	dir := filepath.Join(r.dir, "lib")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, module+".py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dial connects; the client is closed with the test.
func dial(t *testing.T, path string) *rpc.Client {
	t.Helper()
	c, err := rpc.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func call(t *testing.T, c *rpc.Client, method string, params any) string {
	t.Helper()
	var result json.RawMessage
	if err := c.Call(t.Context(), method, params, &result); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return string(result)
}

// refused wants an error of a kind that says something.
func refused(t *testing.T, c *rpc.Client, kind rpc.Kind, says, method string, params any) {
	t.Helper()
	var result json.RawMessage
	err := c.Call(t.Context(), method, params, &result)
	var e *rpc.Error
	if !errors.As(err, &e) || e.Kind() != kind || !strings.Contains(e.Message, says) {
		t.Errorf("%s: got %s %v, want %s that says %q", method, result, err, kind, says)
	}
}

type (
	list   = []any
	object = map[string]any
)

func TestANameIsRoutedToTheLongestOwner(t *testing.T) {
	d := start(t, `
[daemon]
import-policy = "any"
[pools.shop]
module = "outer"
alias = "s"
[pools."shop.stock"]
module = "inner"
`, map[string]string{"outer": "def where(): return 'outer'\n", "inner": "def where(): return 'inner'\n"})
	c := dial(t, d.host)
	for method, want := range map[string]string{
		"shop.where": `"outer"`, "s.where": `"outer"`, "shop.stock.where": `"inner"`, "math.sqrt": `3.0`,
	} {
		params := any(nil)
		if method == "math.sqrt" {
			params = list{9}
		}
		if got := call(t, c, method, params); got != want {
			t.Errorf("%s = %s, want %s", method, got, want)
		}
	}
}

func TestWhatIsNoFunctionsNameImportsNothing(t *testing.T) {
	d := start(t, "", nil)
	c := dial(t, d.host)
	for _, name := range []string{"", "sqrt", ".sqrt", "math.", "math..sqrt", "math.sq rt", "ma\nth.f", "1.f", "os;x.f", "_io.open", "os._exit", "os.path._x"} {
		refused(t, c, rpc.KindMethodNotFound, "", name, nil)
	}
	refused(t, c, rpc.KindMethodNotFound, "rpc.discover lists", "mochi.nosuch", nil)
	refused(t, c, rpc.KindMethodNotFound, "keyword", "lambda.f", nil)
	if n := len(d.pools.now.Load().all); n != 0 {
		t.Errorf("%d pools were made", n)
	}
}

func TestThePolicyDecidesWhatIsImported(t *testing.T) {
	for _, test := range []struct {
		policy           string
		allowed, refused []string
	}{
		{`import-policy = "declared"`, []string{"here.where"}, []string{"math.ceil", "os.getcwd"}},
		{"import-policy = \"allow-list\"\nallow-modules = [\"math\", \"xml.*\", \"os.path\"]", []string{"here.where", "math.pi", "xml.etree.ElementTree.VERSION", "os.path.sep"}, []string{"os.sep", "mathx.f", "xmlx.f"}},
		{`import-policy = "any"`, []string{"here.where", "math.pi", "os.sep"}, nil},
	} {
		d := start(t, "[daemon]\n"+test.policy+"\n[pools.here]\n", map[string]string{"here": "def where(): return 1\n"})
		c := dial(t, d.host)
		for _, name := range test.allowed {
			call(t, c, name, nil)
		}
		for _, name := range test.refused {
			refused(t, c, rpc.KindPermissionDenied, "may not be imported", name, nil)
			refused(t, c, rpc.KindPermissionDenied, "may not be imported", "mochi.import", object{"module": name[:strings.IndexByte(name, '.')]})
		}
	}
}

func TestAnAliasBelongsToItsConnection(t *testing.T) {
	d := start(t, "", nil)
	mine, other := dial(t, d.host), dial(t, d.host)
	var info described
	if err := json.Unmarshal([]byte(call(t, mine, "mochi.import", object{"module": "os.path", "as": "p"})), &info); err != nil {
		t.Fatal(err)
	}
	if info.Module != "os.path" || info.Python == "" || len(info.Methods) == 0 || info.Skipped == nil {
		t.Errorf("described: %+v", info)
	}
	if got := call(t, mine, "p.join", list{"a", "b"}); got != `"a/b"` {
		t.Errorf("p.join = %s", got)
	}
	refused(t, other, rpc.KindImportFailed, "", "p.join", list{"a", "b"})
	call(t, mine, "mochi.release", object{"module": "os.path"})
	refused(t, mine, rpc.KindImportFailed, "", "p.join", list{"a", "b"})

	// A host may narrow itself, and nothing else.
	call(t, mine, "mochi.import", object{"module": "math", "as": "m", "methods": list{"sqrt"}})
	if got := call(t, mine, "m.sqrt", list{9}); got != "3.0" {
		t.Errorf("m.sqrt = %s", got)
	}
	refused(t, mine, rpc.KindMethodNotFound, "not among the methods", "m.ceil", list{1})
	refused(t, mine, rpc.KindInvalidParams, "module", "mochi.import", object{"modul": "math"})
	refused(t, mine, rpc.KindInvalidParams, "as must be", "mochi.import", object{"module": "math", "as": "mochi.x"})
}

func TestAFailedImportNamesNothing(t *testing.T) {
	d := start(t, "", nil)
	c := dial(t, d.host)
	refused(t, c, rpc.KindImportFailed, "nosuch_module", "mochi.import", object{"module": "nosuch_module", "as": "n"})
	if s := d.pools.now.Load().imported["n"]; s != nil {
		t.Error("a pool was made for the alias")
	}
	refused(t, c, rpc.KindImportFailed, "nosuch_module", "mochi.describe", list{"nosuch_module"})
}

// TestALongNameCostsNothing: a method's name of two megabytes is refused before
// anything looks at its million dots, and is not sent back.
func TestALongNameCostsNothing(t *testing.T) {
	var pools strings.Builder
	for i := range 9 { // from nine entries on, a map hashes the whole name
		fmt.Fprintf(&pools, "[pools.json%d]\nmodule = \"json\"\n", i)
	}
	d := start(t, "[daemon]\nimport-policy = \"any\"\n"+pools.String(), nil)
	c, control := dial(t, d.host), dial(t, d.control)
	long := "math" + strings.Repeat(".a", 1_000_000)
	for _, name := range []string{long, "mochi." + long, strings.Repeat("x", maxName) + ".f"} {
		refused(t, c, rpc.KindMethodNotFound, "none has more than 1024", name, nil)
		refused(t, control, rpc.KindMethodNotFound, "none has more than 1024", name, nil)
	}
	for _, params := range []object{{"module": long}, {"module": "math", "as": long}, {"module": "math", "methods": list{long}}} {
		refused(t, c, rpc.KindInvalidParams, "none has more than 1024", "mochi.import", params)
	}
	refused(t, c, rpc.KindInvalidParams, "none has more than 1024", "mochi.describe", list{long})
	var e *rpc.Error
	began := time.Now()
	if err := c.Call(t.Context(), long, nil, nil); !errors.As(err, &e) || len(e.Message) > 200 {
		t.Errorf("the answer: %d bytes", len(fmt.Sprint(err)))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the answer took %s", took)
	}
	if d.pools.named("math") != nil {
		t.Error("math was imported for it")
	}
}

func TestTheTwoDoorsAreApart(t *testing.T) {
	d := start(t, "", nil)
	host, control := dial(t, d.host), dial(t, d.control)
	for _, name := range []string{"mochi.status", "mochi.workers", "mochi.restart", "mochi.drain", "mochi.kill", "mochi.reload", "mochi.config"} {
		refused(t, host, rpc.KindPermissionDenied, "control socket", name, nil)
	}
	refused(t, control, rpc.KindMethodNotFound, "hosts' socket", "math.sqrt", list{9})
	for _, c := range []*rpc.Client{host, control} {
		if got := call(t, c, "mochi.ping", nil); got != `"pong"` {
			t.Errorf("ping = %s", got)
		}
		if got := call(t, c, "rpc.discover", nil); !strings.Contains(got, `"openrpc":"1.3.2"`) || !strings.Contains(got, "mochi.ping") {
			t.Errorf("discover = %s", got)
		}
	}
	if got := call(t, control, "mochi.version", nil); !strings.Contains(got, `"version":"test"`) {
		t.Errorf("version = %s", got)
	}
}

func TestOnlyAllowedUIDsConnect(t *testing.T) {
	d := start(t, "[daemon]\nallow-uids = [4242]\n", nil)
	if err := d.admit(rpc.Peer{UID: uid, OK: true}); err != nil {
		t.Errorf("the own uid: %v", err)
	}
	if err := d.admit(rpc.Peer{UID: 4242, OK: true}); err != nil {
		t.Errorf("a listed one: %v", err)
	}
	for _, p := range []rpc.Peer{{UID: uid + 1, OK: true}, {UID: uid}} {
		if err := d.admit(p); rpc.AsError(err).Kind() != rpc.KindPermissionDenied {
			t.Errorf("peer %+v: %v", p, err)
		}
	}
	if got := call(t, dial(t, d.host), "mochi.ping", nil); got != `"pong"` {
		t.Errorf("the kernel's word about us was not believed: %s", got)
	}
}

// wait polls a condition that lives in another goroutine's hands.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		if so() {
			return
		}
	}
	t.Fatalf("%s: not so in time", what)
}
