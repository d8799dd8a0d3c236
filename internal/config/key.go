package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// Section is a kind of table in the document.
type Section string

// The tables.
const (
	SectionDaemon       Section = "daemon"
	SectionPoolDefaults Section = "pool-defaults"
	SectionPools        Section = "pools"
)

// Apply is what a reload does about a key that has changed.
type Apply string

// What a reload does.
const (
	ApplyLive     Apply = "live"     // it holds at once
	ApplyRolling  Apply = "rolling"  // the pool's workers are replaced, one after another
	ApplyReplaced Apply = "replaced" // another pool takes the place of this one when it is ready
	ApplyRestart  Apply = "restart"  // nothing: it waits for the daemon's next start
)

// Key is one documented key, read from the tags of Daemon and Pool.
type Key struct {
	Section  Section
	Name     string
	Default  string // as it would be written, without quotes; "" = empty
	Unit     string // "duration", "size", or ""
	Min, Max string
	Enum     []string
	Doc      string
	Apply    Apply

	as    string // path, program, module, pattern
	typ   reflect.Type
	index int // of the field in its struct
}

// table holds the keys of one struct, in the order of its fields.
type table struct {
	keys   []Key
	byName map[string]*Key
}

var (
	daemonKeys = readTags(SectionDaemon, reflect.TypeFor[Daemon](), false)
	poolKeys   = readTags(SectionPools, reflect.TypeFor[Pool](), false)
	// pool-defaults has no module, alias or methods: those are what makes a
	// pool that pool.
	defaultKeys = readTags(SectionPoolDefaults, reflect.TypeFor[Pool](), true)
)

// Keys lists every key there is: [daemon], [pool-defaults], [pools.*].
func Keys() []Key {
	var all []Key
	for _, t := range []table{daemonKeys, defaultKeys, poolKeys} {
		all = append(all, t.keys...)
	}
	return all
}

func readTags(section Section, typ reflect.Type, shared bool) table {
	t := table{byName: map[string]*Key{}}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name := f.Tag.Get("key")
		if name == "-" || (shared && f.Tag.Get("only") != "") {
			continue
		}
		k := Key{
			Section: section, Name: name,
			Default: f.Tag.Get("default"), Min: f.Tag.Get("min"), Max: f.Tag.Get("max"),
			Doc: f.Tag.Get("doc"), Apply: Apply(f.Tag.Get("apply")), as: f.Tag.Get("as"), typ: f.Type, index: i,
		}
		if e := f.Tag.Get("enum"); e != "" {
			k.Enum = strings.Split(e, ",")
		}
		switch f.Type {
		case typeDuration, typeBusyPoll:
			k.Unit = "duration"
		case typeSize:
			k.Unit = "size"
		}
		t.keys = append(t.keys, k)
	}
	for i := range t.keys {
		t.byName[t.keys[i].Name] = &t.keys[i]
	}
	return t
}

// fill lays layers over the defaults, the later ones winning, and writes the
// result into the struct that ptr points at.
func (t table) fill(ptr any, layers ...layer) Origins {
	s := reflect.ValueOf(ptr).Elem()
	origins := make(Origins, len(t.keys))
	for i := range t.keys {
		k := &t.keys[i]
		value, origin := k.defaultValue(), Origin{Kind: OriginDefault}
		for _, l := range layers {
			if set, ok := l[k.Name]; ok {
				value, origin = set.value, set.origin
			}
		}
		if value != nil {
			s.Field(k.index).Set(reflect.ValueOf(value))
		}
		origins[k.Name] = origin
	}
	return origins
}

// defaultValue parses the tag; nil where there is none. A tag that does not
// parse is a bug that the first test to load anything finds.
func (k *Key) defaultValue() any {
	if k.Default == "" {
		return nil
	}
	v, err := k.parseText([]string{k.Default}, "")
	if err != nil {
		panic(fmt.Sprintf("config: default of %s: %v", k.Name, err))
	}
	return v
}

// Origins maps a key's name to where its value came from.
type Origins map[string]Origin

// OriginKind is the layer a value came from.
type OriginKind string

// The layers, weakest first.
const (
	OriginDefault      OriginKind = "default"
	OriginFile         OriginKind = "file" // [daemon]
	OriginPoolDefaults OriginKind = "pool-defaults"
	OriginPool         OriginKind = "pool"
	OriginFlag         OriginKind = "flag"
)

// Origin is where a value came from; Line is 0 outside a file.
type Origin struct {
	Kind OriginKind
	Line int
}

// In says it as an operator can go there: "FILE:LINE", "flag --workers", or
// "default".
func (o Origin) In(file, key string) string {
	switch {
	case o.Kind == OriginFlag:
		return "flag --" + key
	case o.Line > 0:
		return fmt.Sprintf("%s:%d", file, o.Line)
	}
	return "default"
}

// layer holds the keys one table or the command line sets.
type layer map[string]setting

type setting struct {
	value  any
	origin Origin
	at     tomldoc.Span
}
