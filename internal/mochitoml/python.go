package mochitoml

import (
	"fmt"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// The keys of [python]. runtime is a table of its own keys; async-mode is how
// MEP-71's research notes spell its event-loop.
const (
	keyRequires     = "requires-python"
	keyMode         = "runtime-mode"
	keyRuntime      = "runtime"
	keyEventLoop    = "event-loop"
	keyAsyncMode    = "async-mode"
	keyCapabilities = "capabilities"
)

var (
	pythonKeys = []string{keyRequires, keyMode, keyRuntime, keyAsyncMode, keyCapabilities}
	modes      = []string{ModeSubprocess, ModeEmbedded}
	loops      = []string{LoopPersistent, LoopPerCall}
)

func (m *Manifest) readPython() {
	body, ok := m.table(m.doc.Tree, tablePython)
	if !ok {
		return
	}
	async := ""
	for _, name := range sorted(body) {
		switch value := body[name]; name {
		case keyRequires:
			m.readRequires(value)
		case keyMode:
			m.RuntimeMode = m.word(value, modes, tablePython, name)
		case keyRuntime:
			m.readRuntime(body)
		case keyAsyncMode:
			async = m.word(value, loops, tablePython, name)
		case keyCapabilities:
			m.readCapabilities(body)
		default:
			m.unknown(m.doc.Key(tablePython, name), name, pythonKeys)
		}
	}
	switch {
	case m.EventLoop == "":
		m.EventLoop = async
	case async != "" && async != m.EventLoop:
		m.doc.Addf(m.doc.Value(tablePython, keyAsyncMode),
			"async-mode is %q and runtime.event-loop is %q: they are two spellings of one setting, keep one", async, m.EventLoop)
	}
}

func (m *Manifest) readRuntime(python map[string]any) {
	body, ok := m.table(python, tablePython, keyRuntime)
	if !ok {
		return
	}
	for _, name := range sorted(body) {
		if name != keyEventLoop {
			m.unknown(m.doc.Key(tablePython, keyRuntime, name), name, []string{keyEventLoop})
			continue
		}
		m.EventLoop = m.word(body[name], loops, tablePython, keyRuntime, name)
	}
}

func (m *Manifest) readRequires(value any) {
	s, ok := m.text(value, tablePython, keyRequires)
	if !ok {
		return
	}
	m.requiresAt = m.doc.Value(tablePython, keyRequires)
	if problem := specifierProblem(s); problem != "" {
		m.doc.Addf(m.requiresAt, "requires-python: %s", problem)
		return
	}
	m.RequiresPython = s
}

// specifierProblem says what is wrong with a set of PEP 440 specifiers. The
// library takes a bare version for an exact one; PEP 440 does not.
func specifierProblem(s string) string {
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" || !strings.ContainsRune("<>=!~", rune(part[0])) {
			return fmt.Sprintf("%q is no version specifier of PEP 440: write it as in \">=3.9,<4\"", s)
		}
	}
	if _, err := pep440.NewSpecifiers(s); err != nil {
		return fmt.Sprintf("%q is no version specifier of PEP 440: write it as in \">=3.9,<4\"", s)
	}
	return ""
}

// CheckPython says whether an interpreter's version is one the manifest asks
// for; the error is told at the place of requires-python.
func (m *Manifest) CheckPython(path, version string) error {
	if m.RequiresPython == "" {
		return nil
	}
	wanted, err := pep440.NewSpecifiers(m.RequiresPython, pep440.WithPreRelease(true))
	if err != nil {
		return err
	}
	v, err := pep440.Parse(version)
	if err != nil {
		return fmt.Errorf("%s says that it is Python %q, which is no version: %w", path, version, err)
	}
	if wanted.Check(v) {
		return nil
	}
	found := &tomldoc.Doc{}
	if m.doc != nil {
		found = m.doc
	}
	found.Addf(m.requiresAt, "requires-python is %q and %s is Python %s: use another interpreter (--python), or make an environment with one", m.RequiresPython, path, version)
	return found.Err()
}
