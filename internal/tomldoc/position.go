package tomldoc

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places remembers where each key and value of a document stands, by path.
type places struct {
	keys, values map[string]Span
}

func pathOf(parts ...string) string { return strings.Join(parts, "\x00") }

// findPlaces walks a document that the decoder has already accepted.
func findPlaces(doc []byte) places {
	p := places{keys: map[string]Span{}, values: map[string]Span{}}
	var parser unstable.Parser
	parser.Reset(doc)
	var table []string
	for parser.NextExpression() {
		e := parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = p.walkKey(nil, e.Key())
		case unstable.KeyValue:
			p.walkValue(p.walkKey(table, e.Key()), e.Value())
		}
	}
	return p
}

// walkKey notes each part of a dotted key and gives the whole path. The first
// place a path is named is the one that is kept.
func (p *places) walkKey(prefix []string, key unstable.Iterator) []string {
	path := append([]string(nil), prefix...)
	for key.Next() {
		n := key.Node()
		path = append(path, string(n.Data))
		if at := pathOf(path...); p.keys[at] == (Span{}) {
			p.keys[at] = spanOf(n.Raw)
		}
	}
	return path
}

func (p *places) walkValue(path []string, value *unstable.Node) {
	if value.Raw.Length > 0 {
		p.values[pathOf(path...)] = spanOf(value.Raw)
	}
	children := value.Children()
	switch value.Kind {
	case unstable.Array:
		for i := 0; children.Next(); i++ {
			p.walkValue(append(path[:len(path):len(path)], strconv.Itoa(i)), children.Node())
		}
	case unstable.InlineTable:
		for children.Next() {
			n := children.Node()
			p.walkValue(p.walkKey(path, n.Key()), n.Value())
		}
	}
}

func spanOf(r unstable.Range) Span {
	return Span{int(r.Offset), int(r.Offset) + int(r.Length)}
}

// key is where the key of path stands.
func (p *places) key(path ...string) Span { return p.keys[pathOf(path...)] }

// value is where its value stands, or else the key.
func (p *places) value(path ...string) Span {
	if at, ok := p.values[pathOf(path...)]; ok {
		return at
	}
	return p.key(path...)
}
