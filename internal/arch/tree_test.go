package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// file is one file of the tree, by its slash path from the root.
type file struct {
	path string
	text string
}

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f file) lines() int { return strings.Count(f.text, "\n") }

// handWritten says that a person keeps it: not a golden file, not a fixture.
func (f file) handWritten() bool { return !slices.Contains(strings.Split(f.path, "/"), "testdata") }

// made are the directories that the Makefile's targets make.
var made = []string{"bin", "__pycache__", "node_modules"}

// hiddenButOurs are the dot-directories that belong to the project.
var hiddenButOurs = []string{".ci", ".github"}

// tree reads every text file of the project. It walks the directory and does
// not ask git, so that it also holds in an unpacked archive, and for a file
// before it is added.
func tree(t *testing.T) []file {
	t.Helper()
	var files []file
	root := os.DirFS(filepath.Join("..", ".."))
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			hidden := strings.HasPrefix(base, ".") && name != "." && !slices.Contains(hiddenButOurs, base)
			if hidden || slices.Contains(made, base) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".test") || strings.HasSuffix(name, ".prof") {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files = append(files, file{path: name, text: string(text)})
		return nil
	})
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files: the walk looks in the wrong place", len(files))
	}
	return files
}

// source is one Go file, parsed.
type source struct {
	file
	pkg     string // directory, slash path from the root
	ast     *ast.File
	imports []string
}

// sources parses the Go files whatever their build tags, so that a rule also
// holds on the systems this test does not run on.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	fset := token.NewFileSet()
	for _, f := range tree(t) {
		if !strings.HasSuffix(f.path, ".go") || !f.handWritten() {
			continue
		}
		parsed, err := parser.ParseFile(fset, f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		s := source{file: f, pkg: path.Dir(f.path), ast: parsed}
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: import %s: %v", f.path, spec.Path.Value, err)
				continue
			}
			s.imports = append(s.imports, name)
		}
		out = append(out, s)
	}
	return out
}
