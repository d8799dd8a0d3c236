package mochitoml

import (
	"fmt"
	"regexp"
	"strings"
)

// Dependency is one line of [python-dependencies].
type Dependency struct {
	Name      string // normalised as PEP 503 has it: "scikit-learn"
	Version   string // PEP 440 specifiers; "" = any
	Extras    []string
	Path, Git string // instead of a version
	Rev       string // of Git: a commit, a branch or a tag
	Markers   string // a PEP 508 environment marker
}

// Requirement is the dependency as PEP 508 writes it, for pip and uv.
func (d Dependency) Requirement() string {
	s := d.Name
	if len(d.Extras) > 0 {
		s += "[" + strings.Join(d.Extras, ",") + "]"
	}
	switch {
	case d.Path != "":
		s += " @ file://" + d.Path
	case d.Git != "":
		s += " @ git+" + d.Git
		if d.Rev != "" {
			s += "@" + d.Rev
		}
	case d.Version != "":
		s += strings.ReplaceAll(d.Version, " ", "")
	}
	if d.Markers != "" {
		s += " ; " + d.Markers
	}
	return s
}

// distribution is PEP 508's grammar of a name; extras follow it too.
var distribution = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

var dashes = regexp.MustCompile(`[-_.]+`)

// normal is a distribution's name as PEP 503 compares it.
func normal(name string) string { return strings.ToLower(dashes.ReplaceAllString(name, "-")) }

// The keys of a dependency that is a table.
const (
	depVersion = "version"
	depExtras  = "extras"
	depPath    = "path"
	depGit     = "git"
	depRev     = "rev"
	depBranch  = "branch"
	depTag     = "tag"
	depMarkers = "markers"
)

var dependencyKeys = []string{depVersion, depExtras, depPath, depGit, depRev, depBranch, depTag, depMarkers}

func (m *Manifest) readDependencies() {
	body, ok := m.table(m.doc.Tree, tableDependencies)
	if !ok {
		return
	}
	seen := map[string]string{}
	for _, name := range sorted(body) {
		at := []string{tableDependencies, name}
		if !distribution.MatchString(name) {
			m.doc.Addf(m.doc.Key(at...), "%q is no distribution's name: letters, digits, - _ and .", name)
			continue
		}
		if other, twice := seen[normal(name)]; twice {
			m.doc.Addf(m.doc.Key(at...), "%q and %q are one distribution: keep one", other, name)
			continue
		}
		seen[normal(name)] = name
		d := Dependency{Name: normal(name)}
		switch value := body[name].(type) {
		case string:
			d.Version = m.version(value, at...)
		case map[string]any:
			m.readDependency(&d, value, at...)
		default:
			m.doc.Addf(m.doc.Value(at...), "%s must be a version (\">=1.26,<3\") or a table ({ version = \">=1.26\", extras = [\"all\"] })", name)
			continue
		}
		m.Dependencies = append(m.Dependencies, d)
	}
}

func (m *Manifest) readDependency(d *Dependency, body map[string]any, at ...string) {
	revision := ""
	for _, name := range sorted(body) {
		path := append(at[:len(at):len(at)], name)
		switch value := body[name]; name {
		case depVersion:
			if s, ok := m.text(value, path...); ok {
				d.Version = m.version(s, path...)
			}
		case depExtras:
			d.Extras = m.extras(value, path...)
		case depPath:
			d.Path, _ = m.text(value, path...)
		case depGit:
			d.Git, _ = m.text(value, path...)
		case depRev, depBranch, depTag:
			if revision != "" {
				m.doc.Addf(m.doc.Key(path...), "%s and %s both say which revision: keep one", revision, name)
			}
			revision = name
			d.Rev, _ = m.text(value, path...)
		case depMarkers:
			d.Markers, _ = m.text(value, path...)
		default:
			m.unknown(m.doc.Key(path...), name, dependencyKeys)
		}
	}
	sources := 0
	for _, s := range []string{d.Version, d.Path, d.Git} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources > 1:
		m.doc.Addf(m.doc.Key(at...), "%s has more than one of version, path and git: keep one", d.Name)
	case revision != "" && d.Git == "":
		m.doc.Addf(m.doc.Key(append(at[:len(at):len(at)], revision)...), "%s is of a git source, and there is no git", revision)
	}
}

// version checks the specifiers of a dependency; "*" is any version.
func (m *Manifest) version(s string, path ...string) string {
	if strings.TrimSpace(s) == "*" || strings.TrimSpace(s) == "" {
		return ""
	}
	if problem := specifierProblem(s); problem != "" {
		m.doc.Addf(m.doc.Value(path...), "%s: %s", path[1], problem)
		return ""
	}
	return s
}

func (m *Manifest) extras(value any, path ...string) []string {
	list, ok := value.([]any)
	if !ok {
		m.doc.Addf(m.doc.Value(path...), "extras must be an array of names")
		return nil
	}
	var names []string
	for i, item := range list {
		at := append(path[:len(path):len(path)], fmt.Sprint(i))
		s, ok := item.(string)
		if !ok || !distribution.MatchString(s) {
			m.doc.Addf(m.doc.Value(at...), "an extra is a name: letters, digits, - _ and .")
			continue
		}
		names = append(names, normal(s))
	}
	return names
}
