package config

import (
	"encoding/json"
	"strconv"
	"strings"
)

// SchemaURI says by which rules the schema is to be read.
const SchemaURI = "https://json-schema.org/draft/2020-12/schema"

// What durations and sizes look like, for editors that complete TOML by a
// schema. The loader knows more: it has the bounds.
const (
	durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
	sizePattern     = `^(0|[0-9]+(\.[0-9]+)? *([KMGT]iB|[kKMGT]?B))$`
	modePattern     = `^0?[0-7]{3}$`
	poolPattern     = `^[^.$-][^.]*(\.[^.]+)*$`
)

// Schema is the JSON schema of the file, made from the tags.
func Schema() ([]byte, error) {
	root := map[string]any{
		"$schema":     SchemaURI,
		"title":       "mochi-pyd configuration",
		"type":        "object",
		"description": "The configuration of mochi-pyd, as TOML.",
		"properties": map[string]any{
			string(SectionDaemon):       daemonKeys.schema("the daemon itself"),
			string(SectionPoolDefaults): defaultKeys.schema("what pools have that do not say otherwise"),
			string(SectionPools): map[string]any{
				"type":                 "object",
				"description":          "the declared pools, by name",
				"propertyNames":        map[string]any{"pattern": poolPattern},
				"additionalProperties": poolKeys.schema("one pool: its name prefixes its functions' names"),
			},
		},
		"additionalProperties": false,
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(root)
	return []byte(b.String()), err
}

func (t table) schema(doc string) map[string]any {
	properties := map[string]any{}
	for i := range t.keys {
		properties[t.keys[i].Name] = t.keys[i].schema()
	}
	return map[string]any{"type": "object", "description": doc, "properties": properties, "additionalProperties": false}
}

func (k *Key) schema() map[string]any {
	s := map[string]any{"description": k.Doc + " (a reload applies it: " + string(k.Apply) + ")"}
	if v := k.defaultValue(); v != nil {
		s["default"] = wire(v)
	}
	switch k.typ {
	case typeBool:
		s["type"] = "boolean"
	case typeInt:
		s["type"] = "integer"
		k.bounds(s)
	case typeInts:
		item := map[string]any{"type": "integer"}
		k.bounds(item)
		s["type"], s["items"] = "array", item
	case typeStrings:
		s["type"], s["items"] = "array", map[string]any{"type": "string", "minLength": 1}
	case typeMap:
		s["type"], s["additionalProperties"] = "object", map[string]any{"type": "string"}
	case typeBusyPoll:
		s["type"], s["pattern"] = "string", "^auto$|"+durationPattern
	case typeDuration:
		s["type"], s["pattern"] = "string", durationPattern
	case typeSize:
		s["type"], s["pattern"] = "string", sizePattern
	case typeMode:
		s["type"], s["pattern"] = "string", modePattern
	default:
		s["type"] = "string"
	}
	if len(k.Enum) > 0 {
		s["enum"] = k.Enum
	}
	return s
}

func (k *Key) bounds(into map[string]any) {
	for name, text := range map[string]string{"minimum": k.Min, "maximum": k.Max} {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			into[name] = n
		}
	}
}

// Type is the key's type in words.
func (k *Key) Type() string {
	switch k.typ {
	case typeBool:
		return "true or false"
	case typeInt:
		return "number"
	case typeInts:
		return "list of numbers"
	case typeStrings:
		return "list of strings"
	case typeMap:
		return "table of strings"
	case typeDuration:
		return "duration"
	case typeBusyPoll:
		return "duration or \"auto\""
	case typeSize:
		return "size"
	case typeMode:
		return "octal permissions"
	}
	return "string"
}
