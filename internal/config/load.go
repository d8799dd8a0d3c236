package config

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// Errors are all the mistakes of a file, each with its place.
type Errors = tomldoc.Errors //nolint:errname // many errors, and no kind of error

// Config is a loaded configuration, or the one there is without a file.
type Config struct {
	File string // "" without a file

	doc *tomldoc.Doc      // for the places of warnings; nil without a file
	sum [sha256.Size]byte // of the document, to notice when the file changes

	daemon, defaults, flags layer
	pools                   map[string]layer
	names                   []string // declared pools, sorted
}

// Default is the configuration without a file: any module may be imported by
// whoever can reach the sockets, who therefore is the daemon's own user.
func Default() *Config {
	return &Config{
		daemon: layer{
			"import-policy": {value: PolicyAny, origin: Origin{Kind: OriginDefault}},
			"socket-mode":   {value: os.FileMode(0o600), origin: Origin{Kind: OriginDefault}},
		},
		defaults: layer{}, flags: layer{}, pools: map[string]layer{},
	}
}

// Load reads a file. A mistake in it is Errors, each with its place.
func Load(file string) (*Config, error) {
	doc, err := tomldoc.ReadFile(file)
	if err != nil {
		return nil, err
	}
	base, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, Errors{{File: file, Message: err.Error()}}
	}
	c, err := Parse(file, base, doc)
	if err == nil {
		c.sum = tomldoc.Sum(doc)
	}
	return c, err
}

// Differs says that the file no longer holds what was loaded. Nobody knows what
// is in one that can be read only once.
func (c *Config) Differs() bool {
	if c.File == "" || c.once() {
		return false
	}
	doc, err := tomldoc.ReadFile(c.File)
	return err != nil || tomldoc.Sum(doc) != c.sum
}

// once says that the file can be read only once: a pipe, which is empty then, or
// keeps waiting whoever opens it.
func (c *Config) once() bool {
	info, err := os.Stat(c.File)
	return err == nil && !info.Mode().IsRegular()
}

// Parse reads a document. file is its name in messages; relative paths in it
// are relative to base.
func Parse(file, base string, doc []byte) (*Config, error) {
	d, err := tomldoc.Parse(file, doc)
	if err != nil {
		return nil, err
	}
	l := &loader{Doc: d, base: base}
	c := l.load(d.Tree)
	c.doc = d
	if err := d.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

type loader struct {
	*tomldoc.Doc
	base string
}

func (l *loader) load(tree map[string]any) *Config {
	c := &Config{File: l.File, daemon: layer{}, defaults: layer{}, flags: layer{}, pools: map[string]layer{}}
	sections := []string{string(SectionDaemon), string(SectionPoolDefaults), string(SectionPools)}
	for _, name := range sortedKeys(tree) {
		if !slices.Contains(sections, name) {
			l.unknown(l.Key(name), name, sections)
			continue
		}
		body, ok := tree[name].(map[string]any)
		if !ok {
			l.Addf(l.Value(name), "%s is a table: write [%s] on a line of its own", name, name)
			continue
		}
		switch Section(name) {
		case SectionDaemon:
			l.table(c.daemon, daemonKeys, OriginFile, body, name)
		case SectionPoolDefaults:
			l.table(c.defaults, defaultKeys, OriginPoolDefaults, body, name)
		case SectionPools:
			l.loadPools(c, body)
		}
	}
	l.check(c)
	return c
}

func (l *loader) loadPools(c *Config, body map[string]any) {
	for _, name := range sortedKeys(body) {
		table, ok := body[name].(map[string]any)
		at := l.Key("pools", name)
		switch {
		case !ok:
			l.Addf(at, "%q is no pool: a pool is a table, [pools.%s]", name, name)
			continue
		case !PoolName(name):
			l.Addf(at, "%q cannot name a pool: names are letters, digits, _ and -, in parts joined by dots", name)
			continue
		case Reserved(name):
			l.Addf(at, "%q cannot name a pool: names that begin with mochi. and rpc. are the daemon's own", name)
			continue
		}
		layer := layer{}
		l.table(layer, poolKeys, OriginPool, table, "pools", name)
		c.pools[name] = layer
		c.names = append(c.names, name)
	}
}

// table reads one table's keys into a layer.
func (l *loader) table(into layer, known table, kind OriginKind, body map[string]any, path ...string) {
	for _, name := range sortedKeys(body) {
		at := append(path[:len(path):len(path)], name)
		k := known.byName[name]
		if k == nil {
			l.unknownIn(path, name, body[name], known)
			continue
		}
		v, w := k.parse(body[name], l.base)
		if w != nil {
			where := l.Value(at...)
			if w.element != "" {
				where = l.Value(append(at, w.element)...)
			}
			l.Addf(where, "%s", w.message)
			continue
		}
		where := l.Key(at...)
		into[name] = setting{value: v, origin: Origin{Kind: kind, Line: l.Line(where)}, at: where}
	}
}

func (l *loader) unknownIn(path []string, name string, value any, known table) {
	at := l.Key(append(path[:len(path):len(path)], name)...)
	_, isTable := value.(map[string]any)
	if isTable && path[0] == string(SectionPools) {
		l.Addf(at, "unknown key %q: a pool whose name has a dot is written [pools.\"%s.%s\"]", name, path[1], name)
		return
	}
	names := make([]string, len(known.keys))
	for i, k := range known.keys {
		names[i] = k.Name
	}
	if hint := tomldoc.DidYouMean(name, names); hint == "" {
		if where := elsewhere(name, path[0]); where != "" {
			l.Addf(at, "unknown key %q (it belongs in %s)", name, where)
			return
		}
	}
	l.unknown(at, name, names)
}

// elsewhere names the table that knows the key.
func elsewhere(name, section string) string {
	switch {
	case section != string(SectionDaemon) && daemonKeys.byName[name] != nil:
		return "[daemon]"
	case section == string(SectionDaemon) && defaultKeys.byName[name] != nil:
		return "[pool-defaults] or a pool"
	case section != string(SectionPools) && poolKeys.byName[name] != nil:
		return "a pool, [pools.NAME]"
	}
	return ""
}

func (l *loader) unknown(at tomldoc.Span, name string, known []string) {
	l.Addf(at, "unknown key %q%s", name, tomldoc.DidYouMean(name, known))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
