package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/embedded"
	"github.com/mochilang/mochi-pyd/internal/rig"
)

// proved are the libraries of the proof, and needed what their public modules
// import beside them: a walk that skips modules proves less than it says.
var (
	proved = []string{"httpx", "aiohttp", "fastapi"}
	needed = append([]string{"aiodns", "gunicorn", "jinja2", "python_multipart", "pytest", "uvicorn"}, proved...)
)

// maxExcused is how many of a hundred functions may have a reason instead of a
// fixture.
const maxExcused = 5

// normalised is all that may differ between a call in a worker and the same
// call in this process, and what it is replaced with on both sides.
var normalised = []struct {
	what, with string
	pattern    *regexp.Regexp
}{
	{"the port of a loopback server", "$1:PORT", regexp.MustCompile(`(127\.0\.0\.1|localhost):[0-9]{2,5}`)},
	{"a date of HTTP", "DATE", regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT`)},
	{"the id of a handle", "HANDLE", regexp.MustCompile(`\bp[0-9]+\.w[0-9]+\.g[0-9]+\.[0-9]+\b`)},
}

func normalise(result []byte) []byte {
	for _, n := range normalised {
		result = n.pattern.ReplaceAll(result, []byte(n.with))
	}
	return result
}

// walked is what the fixture's walk over a package found.
type walked struct {
	Version      string
	Unimportable map[string]string
	Functions    []string
	Unwalked     []string // what the sources have besides
	Driven       []string
	Excused      map[string]string
	Stale        []string
}

// TestAsynchronousLibrariesDoThroughTheDaemonWhatTheyDoInProcess is row M12:
// every `async def` of the libraries, called in a worker through the daemon's
// socket and in an embedded interpreter, to the same bytes, in both encodings.
func TestAsynchronousLibrariesDoThroughTheDaemonWhatTheyDoInProcess(t *testing.T) {
	needs(t, needed...)
	if _, err := embedded.Find(t.Context(), python); err != nil {
		t.Skipf("%s cannot be embedded: %v", python, err)
	}
	worker := dial(t, serve(t, rig.Options{Config: oneWorker}))
	inProcess := embed(t, "asyncproof")

	var table strings.Builder
	total, called, equal, excused := 0, 0, 0, 0
	for _, name := range proved {
		found := walk(t, worker, inProcess, name)
		tabulate(&table, name, found)
		total, called, excused = total+len(found.Functions), called+len(found.Driven), excused+len(found.Excused)
		missing := slices.DeleteFunc(slices.Clone(found.Functions), func(f string) bool {
			return found.Excused[f] != "" || slices.Contains(found.Driven, f)
		})
		if len(missing) > 0 {
			t.Errorf("%s: neither a fixture nor an excuse: %q", name, missing)
		}
		if len(found.Stale) > 0 {
			t.Errorf("%s has no such async functions (any more): %q", name, found.Stale)
		}
		if len(found.Unimportable) > 0 {
			t.Errorf("%s: public modules that cannot be imported hide what is in them: %q", name, found.Unimportable)
		}
		for _, path := range found.Unwalked {
			if !strings.Contains(path, "._") {
				t.Errorf("the walk has forgotten %s, which is in the sources", path)
			}
		}
		same := 0
		for _, function := range found.Driven {
			if sameBothWays(t, worker, inProcess, function) {
				same++
			}
		}
		equal += same
		t.Logf("%s %s: %d async functions, %d called, %d equal, %d excused", name, found.Version, len(found.Functions), len(found.Driven), same, len(found.Excused))
	}
	if excused*100 > total*maxExcused {
		t.Errorf("%d of %d functions are excused, allowed are %d %%", excused, total, maxExcused)
	}
	if lazy := refused(t, worker, "python_error", "asyncproof.idle", `["httpx.Request.aread"]`); !strings.Contains(lazy.Message, "never calls it") {
		t.Errorf("a fixture that calls nothing gives %s", lazy.Message)
	}
	t.Logf("%d async functions, %d called, %d equal, %d excused", total, called, equal, excused)
	compareTable(t, fmt.Sprintf("\n%d functions: %d are called, %d are excused.\n%s", total, called, excused, &table))
}

// walk has both sides walk, and compares what they found.
func walk(t *testing.T, worker *rig.Host, inProcess *process, name string) walked {
	t.Helper()
	params := fmt.Sprintf("[%q]", name)
	there := call(t, worker, "asyncproof.table", params)
	here, err := inProcess.call("table", params, "")
	if err != nil {
		t.Fatal(err)
	}
	if there != string(here.Result) {
		t.Fatalf("the walks over %s differ:\nworker   %.2000s\nembedded %.2000s %+v", name, there, here.Result, here.Error)
	}
	var found walked
	if err := json.Unmarshal([]byte(there), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// sameBothWays drives one function on both sides, in both encodings.
func sameBothWays(t *testing.T, worker *rig.Host, inProcess *process, function string) bool {
	t.Helper()
	same := true
	for _, encoding := range []string{"json", "tagged"} {
		params, meta := fmt.Sprintf("[%q]", function), fmt.Sprintf(`{"encoding":%q}`, encoding)
		var (
			both        sync.WaitGroup
			there, here rig.Answer
			errs        [2]error
		)
		both.Go(func() { here, errs[0] = inProcess.call("drive", params, meta) })
		both.Go(func() {
			line := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"asyncproof.drive","params":%s,"meta":%s}`, params, meta)
			if errs[1] = worker.Send(line); errs[1] == nil {
				there, errs[1] = worker.Read()
			}
		})
		both.Wait()
		for _, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", function, err)
			}
		}
		switch {
		case there.Error != nil || here.Error != nil:
			t.Errorf("%s (%s) failed\nin a worker %s\nembedded    %s", function, encoding, failed(there), failed(here))
			same = false
		case !bytes.Equal(normalise(there.Result), normalise(here.Result)):
			t.Errorf("%s (%s) differs:\nin a worker %s\nembedded    %s", function, encoding, difference(normalise(there.Result), normalise(here.Result)), difference(normalise(here.Result), normalise(there.Result)))
			same = false
		}
	}
	return same
}

func failed(a rig.Answer) string {
	if a.Error == nil {
		return "did not"
	}
	return fmt.Sprintf("%s %v", a.Error.Message, a.Error.Data["text"])
}

// difference shows where two results part.
func difference(a, b []byte) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return fmt.Sprintf("…%s", a[max(0, at-100):min(len(a), at+200)])
}

// tabulate writes a package's rows of the table.
func tabulate(w io.Writer, name string, found walked) {
	fmt.Fprintf(w, "\n## %s %s\n\n", name, found.Version)
	for _, function := range found.Functions {
		verdict := "called"
		if reason := found.Excused[function]; reason != "" {
			verdict = "excused: " + reason
		}
		fmt.Fprintf(w, "- `%s` %s\n", function, verdict)
	}
	if len(found.Unwalked) > 0 {
		fmt.Fprintf(w, "\nNo public path leads to these, so they are not counted: `%s`.\n", strings.Join(found.Unwalked, "`, `"))
	}
}

// compareTable holds the committed table to what was found; with the variable
// set it is written anew.
func compareTable(t *testing.T, rows string) {
	t.Helper()
	const update = "MOCHI_PYD_UPDATE"
	var table strings.Builder
	table.WriteString("# Every `async def` of three libraries\n\nWritten by TestAsynchronousLibrariesDoThroughTheDaemonWhatTheyDoInProcess (" + update + "=1 writes it anew) from a walk over the packages' public modules.\nEach is called in a worker through the daemon and in an embedded interpreter, and the results must be the same bytes.\nBefore they are compared these are replaced, and nothing else:\n\n")
	for _, n := range normalised {
		fmt.Fprintf(&table, "- %s: `%s`\n", n.what, n.pattern)
	}
	table.WriteString(rows)
	file := filepath.Join("testdata", "asyncproof.md")
	if os.Getenv(update) != "" {
		if err := os.WriteFile(file, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != table.String() {
		t.Errorf("%s is not what was found: run the test with %s=1 and look at what changed", file, update)
	}
}

// process is the helper that embeds an interpreter, spoken to in lines.
type process struct {
	in   io.WriteCloser
	out  *bufio.Reader
	last int
}

// embed builds the helper and starts it with a module.
func embed(t *testing.T, module string) *process {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	bin := filepath.Join(t.TempDir(), "mochi-pyd-embedded")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/mochilang/mochi-pyd/cmd/mochi-pyd-embedded")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the helper: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, bin, "--python", python, "--path", fixtures, module)
	requests, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = requests, answers, &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	requests.Close()
	answers.Close()
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the helper ended with %v: %s", err, &complaints)
		}
		out.Close()
	})
	return &process{in: in, out: bufio.NewReader(out)}
}

// call makes one call and reads its answer.
func (p *process) call(method, params, meta string) (rig.Answer, error) {
	p.last++
	if meta != "" {
		meta = `,"meta":` + meta
	}
	if _, err := fmt.Fprintf(p.in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s%s}`+"\n", p.last, method, params, meta); err != nil {
		return rig.Answer{}, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return rig.Answer{}, fmt.Errorf("the helper has ended: %w", err)
	}
	var a rig.Answer
	return a, json.Unmarshal(line, &a)
}
