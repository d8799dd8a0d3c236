package mochitoml

import (
	"fmt"
	"regexp"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"
)

// ImportSpec is what a Mochi program writes between the quotes of an import:
// `name`, `name@<PEP 440>`, `name[extra]@…`, `name@path+<dir>`,
// `name@git+<url>`. The name is the module that is imported.
type ImportSpec struct {
	Module string
	Dependency
}

// moduleName is a dotted Python name.
var moduleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// ParseImport reads an import string.
func ParseImport(s string) (ImportSpec, error) {
	head, source, pinned := strings.Cut(s, "@")
	name, rest, hasExtras := strings.Cut(head, "[")
	if !moduleName.MatchString(name) {
		return ImportSpec{}, fmt.Errorf("%q names no Python module: write it as in \"numpy\", \"numpy@>=1.26\" or \"pkg[extra]@path+./pkg\"", s)
	}
	spec := ImportSpec{Module: name, Dependency: Dependency{Name: normal(name)}}
	if hasExtras {
		list, closed := strings.CutSuffix(rest, "]")
		if !closed {
			return ImportSpec{}, fmt.Errorf("%q: the extras have no end: write them as in \"pkg[extra]\"", s)
		}
		for extra := range strings.SplitSeq(list, ",") {
			if extra = strings.TrimSpace(extra); !distribution.MatchString(extra) {
				return ImportSpec{}, fmt.Errorf("%q: %q is no extra's name", s, extra)
			}
			spec.Extras = append(spec.Extras, normal(extra))
		}
	}
	if !pinned {
		return spec, nil
	}
	if dir, ok := strings.CutPrefix(source, "path+"); ok {
		if spec.Path = dir; dir == "" {
			return ImportSpec{}, fmt.Errorf("%q: there is no directory after path+", s)
		}
		return spec, nil
	}
	if url, ok := strings.CutPrefix(source, "git+"); ok {
		if spec.Git = url; url == "" {
			return ImportSpec{}, fmt.Errorf("%q: there is no address after git+", s)
		}
		return spec, nil
	}
	if spec.Version = strings.TrimSpace(source); spec.Version == "*" {
		spec.Version = ""
		return spec, nil
	}
	if problem := specifierProblem(spec.Version); problem != "" {
		return ImportSpec{}, fmt.Errorf("%q: %s", s, problem)
	}
	return spec, nil
}

// Admits says whether an installed version is one that the import asks for.
func (s ImportSpec) Admits(version string) bool {
	if s.Version == "" {
		return true
	}
	wanted, err := pep440.NewSpecifiers(s.Version, pep440.WithPreRelease(true))
	if err != nil {
		return false
	}
	v, err := pep440.Parse(version)
	return err == nil && wanted.Check(v)
}
