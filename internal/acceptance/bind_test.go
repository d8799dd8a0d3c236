package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// typescriptVariable names the directory whose node_modules has the compiler:
// `make test` makes one where there is node.
const typescriptVariable = "MOCHI_PYD_TEST_TYPESCRIPT"

// What all three programs print, having called the same functions.
const boundSaid = `1110
1036
one two  end []
one 2 x y fin [('k', 7)]
4.5 2.5
it's red None
{"a":[1,2]}
late
python_error ValueError: because
t12342
zzz
getUrl get_url
1 42
refused
`

// clients generates the client of testdata's bound in one language, twice: the
// same module must give the same bytes.
func clients(t *testing.T, d *rig.Daemon, language string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	again := t.TempDir()
	for _, out := range []string{dir, again} {
		cmd := exec.CommandContext(t.Context(), d.Binary, "--socket", d.Socket, "bind", "--lang", language, "bound", "--out", out)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("bind: %v\n%s", err, said)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "diff", "-r", dir, again).CombinedOutput(); err != nil {
		t.Fatalf("the second run gave other bytes: %v\n%s", err, out)
	}
	return dir
}

// tool runs a program that must succeed, and gives what it printed.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), complaint.String())
	}
	return out.String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const boundGo = `package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"boundtest/bound"
	"github.com/mochilang/mochi-pyd/rpc"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func ptr[T any](value T) *T { return &value }

func main() {
	ctx := context.Background()
	conn := must(rpc.Dial(ctx, os.Args[1]))
	c := bound.Client{RPC: conn}
	fmt.Println(must(c.Add(ctx, -0, nil)))
	fmt.Println(must(c.Add(ctx, 1, &bound.AddOptions{B: ptr(int64(2)), C: ptr(int64(3)), D: ptr(int64(1030))})))
	fmt.Println(must(c.Gather(ctx, "one", nil, nil, nil)))
	fmt.Println(must(c.Gather(ctx, "one", []string{"x", "y"}, map[string]int64{"k": 7}, &bound.GatherOptions{Second: ptr("2"), Last: ptr("fin")})))
	moved := must(c.Move(ctx, bound.Point{X: 3.5, Y: ptr(1.5)}, nil))
	fmt.Println(string(moved["x"]), string(moved["y"]))
	fmt.Println(*must(c.Paint(ctx, "it's red", nil)))
	fmt.Println(string(must(json.Marshal(must(c.Table(ctx, []map[string]int64{{"a": 1}, {"a": 2}}))))))
	fmt.Println(must(c.Later(ctx, "late", nil)))
	_, err := c.Fail(ctx, "because")
	var failed *rpc.Error
	errors.As(err, &failed)
	fmt.Println(failed.Kind(), failed.Message)
	fmt.Println(must(c.Func(ctx, "t", 1, 2, 3, &bound.FuncOptions{Options: ptr(int64(4))}) ) + "")
	fmt.Println(must(c.Range(ctx, "z", 3)))
	fmt.Println(must(c.GetUrl(ctx)), must(c.GetUrl_(ctx)))
	fmt.Println(must(c.Evil(ctx)), must(c.ANSWER(ctx)))
	if _, err := c.Gather(ctx, "one", []string{"x"}, nil, nil); err != nil {
		fmt.Println("refused")
	}
	if err := c.Nothing(ctx); err != nil {
		panic(err)
	}
	if data := must(c.Data(ctx)); len(data) != 2 && string(data) != "AP8=" {
		panic(data)
	}
}
`

// TestGeneratedGoCallsAndPassesVet builds the client beside this module, in a
// workspace of both.
func TestGeneratedGoCallsAndPassesVet(t *testing.T) {
	d := serve(t, rig.Options{})
	dir := clients(t, d, "go")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimPrefix(runtime.Version(), "go")
	write(t, dir, "main.go", boundGo)
	write(t, dir, "go.mod", "module boundtest\n\ngo "+version+"\n")
	t.Setenv("GOWORK", write(t, dir, "go.work", fmt.Sprintf("go %s\n\nuse (\n\t.\n\t%q\n)\n", version, root)))
	t.Setenv("GOFLAGS", "")
	tool(t, dir, "go", "vet", "./...")
	if got := tool(t, dir, "go", "run", ".", d.Socket); got != boundSaid {
		t.Errorf("the program said\n%s\nwant\n%s", got, boundSaid)
	}
}

const boundPython = `
import json
import sys
from bound_client import Client, RpcError

c = Client(sys.argv[1])
print(c.add(0))
print(c.add(1, 2, 3, d=1030))
print(c.gather("one"))
print(c.gather("one", "2", "x", "y", last="fin", k=7))
moved = c.move({"x": 3.5, "y": 1.5})
print(moved["x"], moved["y"])
print(c.paint("it's red"))
print(json.dumps(c.table([{"a": 1}, {"a": 2}]), separators=(",", ":")))
print(c.later("late"))
try:
    c.fail("because")
except RpcError as error:
    print(error.data["kind"], error.message)
print(c.func("t", 1, 2, 3, options=4))
print(c.range("z", 3))
print(c.getUrl(), c.get_url())
print(c.evil(), c.ANSWER())
try:
    c.add(1, d=2).missing  # type: ignore[attr-defined]
except AttributeError:
    print("refused")
c.nothing()
assert c.data() == "AP8="
c.close()
`

// TestGeneratedPythonCallsAndPassesMypy checks it as strictly as it can be.
func TestGeneratedPythonCallsAndPassesMypy(t *testing.T) {
	d := serve(t, rig.Options{})
	dir := clients(t, d, "python")
	main := write(t, dir, "main.py", boundPython)
	if got := tool(t, dir, python, main, d.Socket); got != boundSaid {
		t.Errorf("the program said\n%s\nwant\n%s", got, boundSaid)
	}
	needs(t, "mypy")
	tool(t, dir, python, "-m", "mypy", "--strict", "--cache-dir", filepath.Join(dir, "cache"), "bound_client.py", "main.py")
}

const boundTS = `
import { Client, Connection, RpcError } from "./bound.js";

const connection = new Connection(process.argv[2] ?? "");
const c = new Client(connection);
const say = (...words: unknown[]): void => console.log(words.join(" "));
say(await c.add(0));
say(await c.add(1, { b: 2, c: 3, d: 1030 }));
say(await c.gather("one"));
say(await c.gather("one", ["x", "y"], { k: 7 }, { second: "2", last: "fin" }));
const moved = await c.move({ x: 3.5, y: 1.5 });
say(moved["x"], moved["y"]);
say(await c.paint("it's red"));
say(JSON.stringify(await c.table([{ a: 1 }, { a: 2 }])));
say(await c.later("late"));
try {
  await c.fail("because");
} catch (error) {
  if (!(error instanceof RpcError)) throw error;
  say((error.data as { kind: string }).kind, error.message);
}
say(await c.func("t", 1, 2, 3, { options: 4 }));
say(await c.range("z", 3));
say(await c.getUrl(), await c.get_url());
say(await c.evil(), await c.ANSWER());
await c.gather("one", ["x"]).catch(() => say("refused"));
const nothing: null = await c.nothing();
if (nothing !== null || (await c.data()) !== "AP8=") throw new Error("other values");
connection.close();
`

// TestGeneratedTypeScriptCompilesAndCalls compiles it strictly and runs it.
func TestGeneratedTypeScriptCompilesAndCalls(t *testing.T) {
	node, err := exec.LookPath("node")
	compiler := filepath.Join(os.Getenv(typescriptVariable), "node_modules")
	if err == nil {
		_, err = os.Stat(filepath.Join(compiler, "typescript", "bin", "tsc"))
	}
	if err != nil || os.Getenv(typescriptVariable) == "" {
		t.Skipf("node, or the compiler that %s names, is missing (make test installs it where there is node): %v", typescriptVariable, err)
	}
	d := serve(t, rig.Options{})
	dir := clients(t, d, "ts")
	write(t, dir, "main.ts", boundTS)
	write(t, dir, "package.json", `{"type":"module"}`)
	write(t, dir, "tsconfig.json", fmt.Sprintf(`{"compilerOptions":{"strict":true,"noUncheckedIndexedAccess":true,"exactOptionalPropertyTypes":true,
		"noImplicitReturns":true,"module":"nodenext","target":"es2022","typeRoots":[%q],"types":["node"],"skipLibCheck":true},"files":["main.ts"]}`,
		filepath.Join(compiler, "@types")))
	tool(t, dir, node, filepath.Join(compiler, "typescript", "bin", "tsc"), "-p", ".")
	if got := tool(t, dir, node, "main.js", d.Socket); got != boundSaid {
		t.Errorf("the program said\n%s\nwant\n%s", got, boundSaid)
	}
}

// TestGeneratedMochiDeclaresWhatCanBeCalled is exact: there is no compiler here
// to ask.
func TestGeneratedMochiDeclaresWhatCanBeCalled(t *testing.T) {
	d := serve(t, rig.Options{})
	raw, err := os.ReadFile(filepath.Join(clients(t, d, "mochi"), "bound.mochi"))
	if err != nil {
		t.Fatal(err)
	}
	var code []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			code = append(code, line)
		}
	}
	want := `import python "bound" as bound
extern python let ANSWER: int
extern python fun Colour(any): string
extern python fun Point(float): map<string, any>
extern python fun add(int): int
extern python fun data(): string
extern python fun evil(): int
extern python fun fail(string): string
extern python fun func(string, int, int, int): string
extern python fun gather(string): string
extern python fun getUrl(): string
extern python fun get_url(): string
extern python fun later(string): string
extern python fun move(map<string, any>): map<string, any>
extern python fun nothing(): void
extern python fun paint(string): any
extern python fun range(string, int): string
extern python fun table(list<map<string, int>>): map<string, list<int>>
extern python fun untyped(any): any`
	if got := strings.Join(code, "\n"); got != want {
		t.Errorf("the declarations are\n%s\nwant\n%s", got, want)
	}
}
