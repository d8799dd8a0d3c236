package mochitoml

import (
	"fmt"
	"regexp"
	"strings"
)

// Import is one `import python "…" as …` of a program.
type Import struct {
	ImportSpec
	As   string // the name the program uses
	Line int
}

// importLine is a whole statement on a line of its own, as Mochi has them; what
// may follow it is words of the statement itself ("auto") and a comment.
var importLine = regexp.MustCompile(`^\s*import\s+python\s+"((?:[^"\\]|\\.)*)"(?:\s+as\s+([A-Za-z_][A-Za-z0-9_]*))?(?:\s+auto)?\s*(?://.*|#.*)?$`)

// Imports collects a program's Python imports, in their order. file is its name
// in messages. What looks like such an import and is none is an error with its
// line: the program would fail on it later, and less clearly.
func Imports(file, source string) ([]Import, error) {
	var found []Import
	names := map[string]Import{}
	commented := false
	number := 0
	for line := range strings.SplitSeq(source, "\n") {
		number++
		code := line
		code, commented = uncomment(code, commented)
		if fields := strings.Fields(code); len(fields) < 2 || fields[0] != "import" || fields[1] != "python" {
			continue
		}
		parts := importLine.FindStringSubmatch(strings.TrimSuffix(code, "\r"))
		if parts == nil {
			return nil, fmt.Errorf("%s:%d: an import of Python is written import python \"MODULE\" as NAME: %s", file, number, strings.TrimSpace(line))
		}
		spec, err := ParseImport(parts[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		as := parts[2]
		if as == "" {
			as = spec.Module[strings.LastIndexByte(spec.Module, '.')+1:]
		}
		if other, twice := names[as]; twice && other.Module != spec.Module {
			return nil, fmt.Errorf("%s:%d: %s is %s on line %d already: give one of them another name", file, number, as, other.Module, other.Line)
		}
		i := Import{ImportSpec: spec, As: as, Line: number}
		names[as] = i
		found = append(found, i)
	}
	return found, nil
}

// uncomment takes block comments out of a line, which may begin or end inside
// one.
func uncomment(line string, inside bool) (code string, still bool) {
	for {
		if inside {
			_, after, ended := strings.Cut(line, "*/")
			if !ended {
				return code, true
			}
			line, inside = after, false
			continue
		}
		slash := strings.Index(line, "//")
		before, after, begun := strings.Cut(line, "/*")
		if !begun || strings.ContainsRune(before, '"') || slash >= 0 && slash < len(before) {
			return code + line, false
		}
		code, line, inside = code+before, after, true
	}
}
