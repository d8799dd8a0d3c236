package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// fence finds a fenced block and its language.
var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// snippets are the README's blocks of a language, which must be there.
func snippets(t *testing.T, language string) []string {
	t.Helper()
	var out []string
	for _, m := range fence.FindAllStringSubmatch(readme(t), -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	if len(out) == 0 {
		t.Fatalf("the README has no %s block", language)
	}
	return out
}

// prints runs a command against the daemon and wants its output.
func prints(t *testing.T, d *rig.Daemon, want string, command *exec.Cmd) {
	t.Helper()
	command.Env = append(command.Environ(), "MOCHI_PYD_SOCKET="+d.Socket, "MOCHI_PYD_CONTROL_SOCKET="+d.Control)
	out, err := command.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("printed %q (%v), the README says %q", out, err, want)
	}
}

func TestTheReadmesPythonRuns(t *testing.T) {
	d := serve(t, rig.Options{})
	for _, snippet := range snippets(t, "python") {
		prints(t, d, "3.0", exec.CommandContext(t.Context(), python, "-c", snippet))
	}
}

func TestTheReadmesNodeRuns(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node on PATH: the README's Node lines were not run")
	}
	d := serve(t, rig.Options{})
	for _, snippet := range snippets(t, "js") {
		prints(t, d, "3", exec.CommandContext(t.Context(), node, "-e", snippet))
	}
}

func TestTheReadmesGoRuns(t *testing.T) {
	d := serve(t, rig.Options{})
	for _, snippet := range snippets(t, "go") {
		file := filepath.Join(t.TempDir(), "main.go")
		program := "package main\n\nimport (\n\t\"encoding/json\"\n\t\"fmt\"\n\t\"net\"\n\t\"os\"\n)\n\nfunc main() {\n" + snippet + "}\n"
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		prints(t, d, "3", exec.CommandContext(t.Context(), "go", "run", file))
	}
}

// TestTheReadmesShellLinesRun plays each with what the README says it prints.
func TestTheReadmesShellLinesRun(t *testing.T) {
	d := serve(t, rig.Options{})
	for _, snippet := range snippets(t, "sh") {
		_, after, _ := strings.Cut(readme(t), snippet)
		_, after, _ = strings.Cut(after, "prints `")
		want, _, found := strings.Cut(after, "`")
		if !found {
			t.Fatalf("the README does not say what %q prints", snippet)
		}
		t.Run(strings.Fields(snippet)[0], func(t *testing.T) {
			if _, err := exec.LookPath("nc"); err != nil && strings.Contains(snippet, "| nc ") {
				t.Skip("no nc on PATH: the README's nc line was not run (TestALineFromTheShellIsAnsweredByteForByte sends the same bytes)")
			}
			line := strings.ReplaceAll(snippet, "bin/mochi-pyd", binary)
			prints(t, d, want, exec.CommandContext(t.Context(), "sh", "-c", line))
		})
	}
}

// TestTheReadmesLinksLeadSomewhere: to files of the tree.
func TestTheReadmesLinksLeadSomewhere(t *testing.T) {
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readme(t), -1) {
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(m[1]))); err != nil {
			t.Errorf("the README links to %s: %v", m[1], err)
		}
	}
}
