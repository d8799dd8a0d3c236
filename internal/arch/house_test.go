package arch

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// maxLines is where a file must be cut or explain itself; past 300 its reader
// already asks what the second noun is.
const maxLines = 400

// long are the files that may be longer, each with the reason.
var long = map[string]string{}

// TestOneFileOneNoun keeps files short enough to be read at once.
func TestOneFileOneNoun(t *testing.T) {
	counted := []string{".go", ".py", ".sh"}
	for _, f := range tree(t) {
		if !slices.Contains(counted, path.Ext(f.path)) || !f.handWritten() {
			continue
		}
		if reason := long[f.path]; f.lines() > maxLines && reason == "" {
			t.Errorf("%s has %d lines: past %d a file holds a second noun; give it a file of its own, or list the reason in long", f.path, f.lines(), maxLines)
		}
	}
	for name := range long {
		if !slices.ContainsFunc(tree(t), func(f file) bool { return f.path == name && f.lines() > maxLines }) {
			t.Errorf("long lists %s, which is not that long (any more): take it off the list", name)
		}
	}
}

// TestEveryPackageTellsItsStory wants a package comment, in doc.go where there
// is more than one file.
func TestEveryPackageTellsItsStory(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		said[s.pkg] = said[s.pkg] || s.ast.Doc != nil
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment: a reader who opens the directory must learn what the package is for and what it refuses to do", pkg)
		}
	}
}

// drawers are directory and package names that say where something was put and
// not what it is.
var drawers = []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "lib"}

// TestNoDrawers keeps out the packages that hold whatever had no place.
func TestNoDrawers(t *testing.T) {
	for _, s := range sources(t) {
		for _, part := range strings.Split(s.pkg, "/") {
			if slices.Contains(drawers, part) {
				t.Errorf("%s: a directory %q collects what nobody named; name the noun", s.path, part)
			}
		}
		if base := strings.TrimSuffix(path.Base(s.path), ".go"); slices.Contains(drawers, base) {
			t.Errorf("%s: a file %q collects what nobody named; name the noun", s.path, base)
		}
	}
}

// unsaid are words that the house has better ones for.
var unsaid = map[string]string{
	"master": "the daemon, or the supervisor",
	"child":  "the worker (or its descendants)",
	"job":    "a call",
	"zombie": "a dead worker, reaped or not",
	"util":   "the noun it serves",
}

// TestNamesUseTheHousesNouns checks what Go code declares: prose may say that a
// worker's child process printed something, a type may not be called so.
func TestNamesUseTheHousesNouns(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, decl := range s.ast.Decls {
			for _, name := range declared(decl) {
				for _, word := range words(name) {
					if better := unsaid[word]; better != "" {
						t.Errorf("%s declares %s: we do not say %q here, we say %s", s.path, name, word, better)
					}
				}
			}
		}
	}
}

func declared(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		return []string{d.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names = append(names, n.Name)
				}
			}
		}
		return names
	}
	return nil
}

// words cuts a name at its capitals: spawnChild → spawn, child.
func words(name string) []string {
	var out []string
	start := 0
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			out = append(out, strings.ToLower(name[start:i]))
			start = i
		}
	}
	return append(out, strings.ToLower(name[start:]))
}

// promises are the words of unfinished work, written in two halves so that this
// file does not break its own rule.
var promises = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b|(?i:not (yet )?imple` + `mented)`)

// TestNothingIsPromisedInTheTree wants what is missing in the list of issues,
// where somebody reads it.
func TestNothingIsPromisedInTheTree(t *testing.T) {
	report(t, promises, "unfinished work is finished, or said where work is planned; the tree only says what is")
}

// machines are paths of one person's machine.
var machines = regexp.MustCompile(`(^|[\s"'=:(\x60])/(work|root|home/[a-z]\w*|Users/\w+)/|\.pyenv/versions/\d`)

// TestNoMachinePathsInTheTree keeps the tree usable on a machine that is not
// its author's.
func TestNoMachinePathsInTheTree(t *testing.T) {
	report(t, machines, "a path of one machine: find it at run time, or take it from an argument")
}

func report(t *testing.T, forbidden *regexp.Regexp, why string) {
	t.Helper()
	for _, f := range tree(t) {
		if strings.HasPrefix(f.path, "internal/arch/") || strings.ContainsRune(f.text, 0) {
			continue
		}
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			if found := forbidden.FindString(line); found != "" {
				t.Errorf("%s:%d: %q: %s", f.path, number, strings.TrimSpace(found), why)
			}
		}
	}
}

// TestTheTreeHoldsNoPrograms that were built: make build puts them into bin.
func TestTheTreeHoldsNoPrograms(t *testing.T) {
	for _, f := range tree(t) {
		if strings.HasPrefix(f.text, "\x7fELF") || strings.HasPrefix(f.text, "\xcf\xfa\xed\xfe") {
			t.Errorf("%s is a program that was built: take it out of the tree", f.path)
		}
	}
}
