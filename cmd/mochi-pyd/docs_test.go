package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/supervisor"
)

const (
	commandsPage = "../../deploy/COMMANDS.md"
	// update writes the page anew: MOCHI_PYD_UPDATE=1 go test ./cmd/mochi-pyd -run Page
	update = "MOCHI_PYD_UPDATE"
)

// TestThePageOfCommandsIsTheProgram: every command, flag and exit code is on the
// page, and nothing else is.
func TestThePageOfCommandsIsTheProgram(t *testing.T) {
	want := page(t, (&app{in: os.Stdin, out: os.Stdout, err: os.Stderr}).root())
	if os.Getenv(update) == "1" {
		if err := os.WriteFile(commandsPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the program is: %s=1 go test ./cmd/mochi-pyd -run Page", commandsPage, update)
	}
}

// TestEveryExitCodeIsExplained reads the constants from the source: one that is
// added and not explained is found.
func TestEveryExitCodeIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	explained := map[int]bool{}
	for _, e := range exitCodes {
		if explained[e.code] {
			t.Errorf("%d is explained twice", e.code)
		}
		explained[e.code] = true
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "exit") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.INT {
			return true
		}
		declared++
		if code, _ := strconv.Atoi(literal.Value); !explained[code] {
			t.Errorf("%s = %d is not in exitCodes", spec.Names[0].Name, code)
		}
		return true
	})
	if declared != len(exitCodes) {
		t.Errorf("%d exit codes are declared and %d explained", declared, len(exitCodes))
	}
}

// TestEveryCommandHasAnExampleAndReadsAlike: the house's rules of commands.
func TestEveryCommandHasAnExampleAndReadsAlike(t *testing.T) {
	root := (&app{in: os.Stdin, out: os.Stdout, err: os.Stderr}).root()
	for _, c := range append([]*cobra.Command{root}, documented(root)...) {
		if c.Example == "" {
			t.Errorf("%s has no Example", c.CommandPath())
		}
		if c.Short == "" {
			t.Errorf("%s has no Short", c.CommandPath())
		}
		if f := c.Flags().Lookup("output"); f != nil && (f.Shorthand != "o" || f.Usage != "table, wide, json or name") {
			t.Errorf("%s has an -o of its own kind", c.CommandPath())
		}
	}
	for _, name := range []string{"status", "ps", "describe", "logs", "events", "doctor", "version"} {
		if c, _, err := root.Find([]string{name}); err != nil || c.Flags().Lookup("output") == nil {
			t.Errorf("%s reads and has no -o", name)
		}
	}
}

// readsVariable is a variable's name where the program reads it.
var readsVariable = regexp.MustCompile(`(?:Getenv|LookupEnv)\("([A-Z_]+)"\)`)

// TestEveryVariableThatIsReadIsExplained: and, of those that are, that each is.
func TestEveryVariableThatIsReadIsExplained(t *testing.T) {
	read := map[string]bool{sock.HostVariable: true, sock.ControlVariable: true, "TMPDIR": true, "PYTHONPATH": true, "PATH": true} // not by a literal of ours
	for _, dir := range []string{".", "../pkgcmd", "../../internal/sock", "../../internal/logs", "../../internal/python", "../../internal/daemon"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range readsVariable.FindAllStringSubmatch(string(text), -1) {
				read[m[1]] = true
			}
		}
	}
	for _, e := range environment {
		if !read[e.name] {
			t.Errorf("%s is explained and read nowhere", e.name)
		}
		delete(read, e.name)
	}
	delete(read, "PATH")
	for name := range read {
		t.Errorf("%s is read and not explained", name)
	}
}

// TestTheStartingConfigurationLoadsAsItIsAndWithEveryKeySet: what init writes
// holds every key, at a value that the program takes.
func TestTheStartingConfigurationLoadsAsItIsAndWithEveryKeySet(t *testing.T) {
	text := startingConfig()
	known := map[string]bool{}
	for _, k := range config.Keys() {
		known[k.Name] = true
	}
	var set strings.Builder
	for line := range strings.Lines(text) {
		key, ok := strings.CutPrefix(line, "# ")
		name, value, isKey := strings.Cut(key, " = ")
		if ok && isKey && !strings.Contains(name, " ") && known[name] && strings.TrimSpace(value) != `""` && name != "modules" {
			line = key
		}
		if strings.HasPrefix(key, "[pools.") {
			line = key
		}
		set.WriteString(line)
	}
	for what, doc := range map[string]string{"as it is": text, "with every key set": set.String()} {
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, k := range config.Keys() {
		if !strings.Contains(text, "\n# "+k.Name+" = ") {
			t.Errorf("%s is not in it", k.Name)
		}
	}
}

// states are what the words of ps mean.
var states = map[supervisor.State]string{
	supervisor.Starting: "its interpreter starts, or its module is imported",
	supervisor.Ready:    "it takes calls; what it does now is under NOW",
	supervisor.Draining: "it takes no new calls and finishes those it has",
	supervisor.Stopping: "it is being ended",
	supervisor.Dead:     "there is no process: the slot waits for the next one",
}

// vocabulary is a table of a vocabulary, as the constants of a type and their comments
// have it.
func vocabulary(t *testing.T, b *bytes.Buffer, title, path, typ string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "\n## %s\n\n| word | means |\n|---|---|\n", title)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); !ok || named.Name != typ {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || strings.TrimSpace(spec.Comment.Text()) == "" {
			t.Errorf("%s in %s has no comment that says what it means", spec.Names[0].Name, path)
		}
		fmt.Fprintf(b, "| %s | %s |\n", word, strings.TrimSpace(spec.Comment.Text()))
		return true
	})
}

// page is the documentation of the commands.
func page(t *testing.T, root *cobra.Command) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("# Commands\n\nWritten from the program itself by `" + update + "=1 go test ./cmd/mochi-pyd -run Page`, and compared with it by the same test.\nIn a shell, `mochi-pyd COMMAND --help` says the same; `mochi-pyd manpage DIR` writes it as manual pages.\n\n")
	b.WriteString("## Exit codes\n\n| code | means |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	b.WriteString("\n## Environment\n\n| variable | means |\n|---|---|\n")
	for _, e := range environment {
		fmt.Fprintf(&b, "| %s | %s |\n", e.name, e.meaning)
	}
	vocabulary(t, &b, "Status of a pool", "../../pool/status.go", "Status")
	b.WriteString("\n## States of a worker\n\n| word | means |\n|---|---|\n")
	for s := supervisor.Starting; s <= supervisor.Dead; s++ {
		if states[s] == "" {
			t.Errorf("the state %s is not explained", s)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", s, states[s])
	}
	fmt.Fprintf(&b, "| spare | ready, and held back to take the place of one that dies |\n")
	vocabulary(t, &b, "Reasons of an exit", "../../supervisor/exit.go", "Reason")
	b.WriteString("\n## Flags of every command\n\n")
	flagTable(&b, root.PersistentFlags())
	for _, c := range documented(root) {
		fmt.Fprintf(&b, "\n## %s\n\n`%s`", strings.TrimPrefix(c.CommandPath(), "mochi-pyd "), c.UseLine())
		if len(c.Aliases) > 0 {
			fmt.Fprintf(&b, " (also `%s`)", strings.Join(c.Aliases, "`, `"))
		}
		if c.Hidden {
			b.WriteString(" (hidden)")
		}
		fmt.Fprintf(&b, "\n\n%s.\n", strings.TrimSuffix(c.Short, "."))
		if c.Long != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Long))
		}
		if c.LocalNonPersistentFlags().HasAvailableFlags() {
			b.WriteString("\n")
			flagTable(&b, c.LocalNonPersistentFlags())
		}
		if c.Example != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
		}
	}
	return b.Bytes()
}

func flagTable(b *bytes.Buffer, flags *pflag.FlagSet) {
	b.WriteString("| flag | is |\n|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			fmt.Fprintf(b, "| `%s` | %s |\n", flagText(f), strings.ReplaceAll(usageText(f), "|", `\|`))
		}
	})
}
