package mochitoml

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// FileName is what a manifest is called.
const FileName = "mochi.toml"

// The modes in which a package's Python runs.
const (
	ModeSubprocess = "subprocess" // in workers of the daemon: the default
	ModeEmbedded   = "embedded"   // in a process that holds an interpreter
)

// The event loops of a package's coroutines.
const (
	LoopPersistent = "persistent"
	LoopPerCall    = "per-call"
)

// Manifest is what mochi.toml says about Python. The zero value is what there
// is without a manifest.
type Manifest struct {
	File string // "" when there is none
	Dir  string // where it stands: the package's root

	RequiresPython string // a PEP 440 set of specifiers; "" = any that the runtime runs on
	RuntimeMode    string // "" = not said
	EventLoop      string // "" = not said

	Dependencies []Dependency // sorted by name
	Capabilities Capabilities

	requiresAt tomldoc.Span
	doc        *tomldoc.Doc
}

// Find looks for a manifest in dir and above it; "" when there is none.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		file := filepath.Join(dir, FileName)
		switch info, err := os.Stat(file); {
		case err == nil && info.Mode().IsRegular():
			return file, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", err
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", nil
		}
		dir = above
	}
}

// Load reads a manifest. Its mistakes are tomldoc.Errors, each with its place.
func Load(file string) (*Manifest, error) {
	text, err := tomldoc.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// Parse reads a manifest's text; file is its name in messages and says where
// the package's root is.
func Parse(file string, text []byte) (*Manifest, error) {
	d, err := tomldoc.Parse(file, text)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	m := &Manifest{File: file, Dir: dir, doc: d}
	m.readPython()
	m.readDependencies()
	m.checkNeighbours()
	if err := d.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// tables are the top-level names that are ours.
const (
	tablePython       = "python"
	tableDependencies = "python-dependencies"
)

// checkNeighbours refuses what was meant for us and is spelled as nothing of
// ours: another top-level name that begins with "python".
func (m *Manifest) checkNeighbours() {
	for _, name := range sorted(m.doc.Tree) {
		if name == tablePython || name == tableDependencies || len(name) < len(tablePython) || name[:len(tablePython)] != tablePython {
			continue
		}
		m.unknown(m.doc.Key(name), name, []string{tablePython, tableDependencies})
	}
}

func (m *Manifest) unknown(at tomldoc.Span, name string, known []string) {
	m.doc.Addf(at, "unknown key %q%s", name, tomldoc.DidYouMean(name, known))
}

// table gives the table of a name, and false when there is none or it is none.
func (m *Manifest) table(tree map[string]any, path ...string) (map[string]any, bool) {
	name := path[len(path)-1]
	value, ok := tree[name]
	if !ok {
		return nil, false
	}
	body, ok := value.(map[string]any)
	if !ok {
		m.doc.Addf(m.doc.Value(path...), "%s is a table", name)
	}
	return body, ok
}

// text gives a string's value.
func (m *Manifest) text(value any, path ...string) (string, bool) {
	s, ok := value.(string)
	if !ok {
		m.doc.Addf(m.doc.Value(path...), "%s must be a string in quotes", path[len(path)-1])
	}
	return s, ok
}

// word gives a string that must be one of those known.
func (m *Manifest) word(value any, known []string, path ...string) string {
	s, ok := m.text(value, path...)
	if !ok {
		return ""
	}
	for _, k := range known {
		if s == k {
			return s
		}
	}
	m.doc.Addf(m.doc.Value(path...), "%s must be %q or %q, not %q%s", path[len(path)-1], known[0], known[1], s, tomldoc.DidYouMean(s, known))
	return ""
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
