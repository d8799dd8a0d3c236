package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds what is read as a configuration: a mistyped path must not
// fill memory.
const maxFile = 1 << 20

// Config is a loaded configuration, or the one there is without a file.
type Config struct {
	File string // "" without a file

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
	f, err := os.Open(file)
	if err != nil {
		return nil, Errors{{File: file, Message: "cannot be read: " + reasonOf(err)}}
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, Errors{{File: file, Message: "cannot be read: " + reasonOf(err)}}
	}
	if len(doc) > maxFile {
		return nil, Errors{{File: file, Message: fmt.Sprintf("is over %d bytes: that is no configuration", maxFile)}}
	}
	base, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, Errors{{File: file, Message: err.Error()}}
	}
	c, err := Parse(file, base, doc)
	if err == nil {
		c.sum = sha256.Sum256(doc)
	}
	return c, err
}

// Differs says that the file no longer holds what was loaded.
func (c *Config) Differs() bool {
	if c.File == "" {
		return false
	}
	doc, err := os.ReadFile(c.File)
	return err != nil || sha256.Sum256(doc) != c.sum
}

func reasonOf(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Parse reads a document. file is its name in messages; relative paths in it
// are relative to base.
func Parse(file, base string, doc []byte) (*Config, error) {
	rep := &report{file: file, doc: doc}
	var tree map[string]any
	if err := toml.Unmarshal(doc, &tree); err != nil {
		rep.addTOML(err)
		return nil, rep.err()
	}
	l := &loader{report: rep, places: findPlaces(doc), base: base}
	c := l.load(tree)
	if err := rep.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// addTOML takes the decoder's own error: its position, our caret.
func (r *report) addTOML(err error) {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		r.addf(span{}, "%s", err)
		return
	}
	line, column := d.Position()
	offset := 0
	for n := 1; n < line && offset < len(r.doc); offset++ {
		if r.doc[offset] == '\n' {
			n++
		}
	}
	offset += max(column-1, 0)
	message := d.Error()
	if len(message) > len("toml: ") && message[:len("toml: ")] == "toml: " {
		message = message[len("toml: "):]
	}
	r.addf(span{offset, offset + 1}, "%s", message)
}

type loader struct {
	*report
	places places
	base   string
}

func (l *loader) load(tree map[string]any) *Config {
	c := &Config{File: l.file, daemon: layer{}, defaults: layer{}, flags: layer{}, pools: map[string]layer{}}
	sections := []string{string(SectionDaemon), string(SectionPoolDefaults), string(SectionPools)}
	for _, name := range sortedKeys(tree) {
		if !slices.Contains(sections, name) {
			l.unknown(l.places.key(name), name, sections)
			continue
		}
		body, ok := tree[name].(map[string]any)
		if !ok {
			l.addf(l.places.value(name), "%s is a table: write [%s] on a line of its own", name, name)
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
		at := l.places.key("pools", name)
		switch {
		case !ok:
			l.addf(at, "%q is no pool: a pool is a table, [pools.%s]", name, name)
			continue
		case !PoolName(name):
			l.addf(at, "%q cannot name a pool: names are letters, digits, _ and -, in parts joined by dots", name)
			continue
		case Reserved(name):
			l.addf(at, "%q cannot name a pool: names that begin with mochi. and rpc. are the daemon's own", name)
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
			where := l.places.value(at...)
			if w.element != "" {
				where = l.places.value(append(at, w.element)...)
			}
			l.addf(where, "%s", w.message)
			continue
		}
		where := l.places.key(at...)
		line, _, _, _ := locate(l.doc, where)
		into[name] = setting{value: v, origin: Origin{Kind: kind, Line: line}, at: where}
	}
}

func (l *loader) unknownIn(path []string, name string, value any, known table) {
	at := l.places.key(append(path[:len(path):len(path)], name)...)
	_, isTable := value.(map[string]any)
	if isTable && path[0] == string(SectionPools) {
		l.addf(at, "unknown key %q: a pool whose name has a dot is written [pools.\"%s.%s\"]", name, path[1], name)
		return
	}
	names := make([]string, len(known.keys))
	for i, k := range known.keys {
		names[i] = k.Name
	}
	if hint := didYouMean(name, names); hint == "" {
		if where := elsewhere(name, path[0]); where != "" {
			l.addf(at, "unknown key %q (it belongs in %s)", name, where)
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

func (l *loader) unknown(at span, name string, known []string) {
	l.addf(at, "unknown key %q%s", name, didYouMean(name, known))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
