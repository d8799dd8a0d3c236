package bind

import (
	"fmt"
	"strings"
)

const mochiWords = "agent all and any as break bool case const continue else emit export expect extern false fetch float for from fun generate go if import in int intent let list load logic map match mod model nil not null on or package python query return rule save select set sort spawn stream string test true type union update use var where while with"

// mochiClient writes extern declarations. Mochi passes arguments by position:
// what a function can do without is left to Python's defaults, and one that
// cannot be called so is named in a comment.
func mochiClient(m Module) (File, error) {
	var b strings.Builder
	alias := reserve(mochiWords).take(identifier(m.Name))
	fmt.Fprintf(&b, "// "+header+"\n\nimport python %s as %s\n", plain(m.Name), tsString(m.Name), alias)
	for _, f := range m.Functions {
		b.WriteString("\n" + comment("", "// ", f.Doc))
		name := identifier(f.Local)
		switch why := mochiCannot(f); {
		case name != f.Local || reserve(mochiWords)[name]:
			fmt.Fprintf(&b, "// %s has a name that is none in Mochi.\n", plain(f.Local))
		case why != "":
			fmt.Fprintf(&b, "// %s needs %s by keyword, which an extern function does not pass.\n", name, plain(why))
		case f.Kind == "value":
			fmt.Fprintf(&b, "extern python let %s: %s\n", name, mochiType(f.Result))
		default:
			var kinds []string
			for _, p := range f.sorted().required() {
				kinds = append(kinds, mochiType(p.Schema))
			}
			fmt.Fprintf(&b, "extern python fun %s(%s): %s\n", name, strings.Join(kinds, ", "), mochiType(f.Result))
		}
	}
	return File{identifier(m.Name) + ".mochi", []byte(b.String())}, nil
}

// mochiCannot names a parameter that has to be given by keyword.
func mochiCannot(f Function) string {
	for _, p := range f.Params {
		if p.Required && p.Kind == "keyword" {
			return p.Name
		}
	}
	return ""
}

func mochiType(s Schema) string {
	if rest, ok := s.nullable(); ok && len(rest.AnyOf) == 0 {
		return "any"
	}
	kind := s.Type
	if len(s.Enum) > 0 {
		kind = s.enumType()
	}
	switch kind {
	case "integer":
		return "int"
	case "number":
		return "float"
	case "string":
		return "string"
	case "boolean":
		return "bool"
	case "null":
		return "void"
	case "array":
		if s.Items != nil {
			return "list<" + mochiType(*s.Items) + ">"
		}
		return "list<any>"
	case "object":
		if s.Additional != nil && len(s.Properties) == 0 {
			return "map<string, " + mochiType(*s.Additional) + ">"
		}
		return "map<string, any>"
	}
	return "any"
}
