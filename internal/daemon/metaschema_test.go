package daemon

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// metaSchemas are JSON Schemas by their addresses. It knows what the two of
// testdata/openrpc use and fails on any other word, so that nothing is held to
// less than they say.
type metaSchemas map[string]map[string]any

// The meta-schemas' own addresses.
const (
	openRPCAddress = "https://meta.open-rpc.org"
	schemaAddress  = "https://meta.json-schema.tools"
)

func loadMetaSchemas(t *testing.T) metaSchemas {
	t.Helper()
	all := metaSchemas{}
	for address, name := range map[string]string{openRPCAddress: "openrpc.json", schemaAddress: "schema.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "openrpc", name))
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatal(err)
		}
		all[address] = schema
	}
	return all
}

// check says where value, at path, is not what the schema of the address says.
func (all metaSchemas) check(address string, schema, value any, path string) error {
	rules, isObject := schema.(map[string]any)
	if !isObject {
		if schema == false {
			return fmt.Errorf("%s: may not be there", path)
		}
		return nil
	}
	if ref, ok := rules["$ref"].(string); ok { // alone, as draft 7 has it
		at, target, err := all.resolve(address, ref)
		if err != nil {
			return err
		}
		return all.check(at, target, value, path)
	}
	for _, word := range slices.Sorted(maps.Keys(rules)) {
		if err := all.rule(address, rules, word, value, path); err != nil {
			return err
		}
	}
	return nil
}

func (all metaSchemas) resolve(address, ref string) (string, any, error) {
	base, pointer, _ := strings.Cut(ref, "#")
	if base != "" {
		address = strings.TrimSuffix(base, "/")
	}
	var at any = all[address]
	for _, step := range strings.Split(strings.Trim(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		object, ok := at.(map[string]any)
		if !ok || object[step] == nil {
			return "", nil, fmt.Errorf("%s refers to nothing", ref)
		}
		at = object[step]
	}
	return address, at, nil
}

func (all metaSchemas) rule(address string, rules map[string]any, word string, value any, path string) error {
	given := rules[word]
	object, isObject := value.(map[string]any)
	array, isArray := value.([]any)
	text, isText := value.(string)
	number, isNumber := value.(float64)
	switch word {
	case "$schema", "$id", "title", "description", "default", "format", "definitions", "additionalItems":
		return nil
	case "patternProperties", "additionalProperties":
		if word == "patternProperties" && rules["additionalProperties"] != nil || !isObject {
			return nil // judged once
		}
		return all.others(address, rules, object, path)
	case "type":
		if !slices.ContainsFunc(list1(given), func(kind any) bool { return isOfType(value, kind.(string)) }) {
			return fmt.Errorf("%s: %.80v is no %v", path, value, given)
		}
	case "enum":
		if !slices.ContainsFunc(given.([]any), func(one any) bool { return same(one, value) }) {
			return fmt.Errorf("%s: %v is none of %v", path, value, given)
		}
	case "required":
		for _, name := range given.([]any) {
			if _, there := object[name.(string)]; isObject && !there {
				return fmt.Errorf("%s: has no %s", path, name)
			}
		}
	case "properties":
		for name, schema := range given.(map[string]any) {
			if member, there := object[name]; there {
				if err := all.check(address, schema, member, path+"."+name); err != nil {
					return err
				}
			}
		}
	case "propertyNames":
		for name := range object {
			if err := all.check(address, given, name, path+"."+name); err != nil {
				return err
			}
		}
	case "items":
		for i, item := range array {
			if err := all.check(address, given, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case "oneOf", "anyOf":
		return all.some(address, word, given.([]any), value, path)
	case "minItems":
		if isArray && float64(len(array)) < given.(float64) {
			return fmt.Errorf("%s: has %d items", path, len(array))
		}
	case "uniqueItems":
		for i := range array {
			if given == true && slices.ContainsFunc(array[:i], func(other any) bool { return same(other, array[i]) }) {
				return fmt.Errorf("%s: %v is in it twice", path, array[i])
			}
		}
	case "minLength":
		if isText && float64(utf8.RuneCountInString(text)) < given.(float64) {
			return fmt.Errorf("%s: is too short", path)
		}
	case "minimum":
		if isNumber && number < given.(float64) {
			return fmt.Errorf("%s: %v is too small", path, number)
		}
	case "exclusiveMinimum":
		if isNumber && number <= given.(float64) {
			return fmt.Errorf("%s: %v is too small", path, number)
		}
	default:
		return fmt.Errorf("%s: the meta-schema says %s, which is not checked here", path, word)
	}
	return nil
}

// others judges the members that properties does not name.
func (all metaSchemas) others(address string, rules, object map[string]any, path string) error {
	named, _ := rules["properties"].(map[string]any)
	patterns, _ := rules["patternProperties"].(map[string]any)
	for name, member := range object {
		if _, known := named[name]; known {
			continue
		}
		matched := false
		for pattern, schema := range patterns {
			if regexp.MustCompile(pattern).MatchString(name) {
				matched = true
				if err := all.check(address, schema, member, path+"."+name); err != nil {
					return err
				}
			}
		}
		if rest, ok := rules["additionalProperties"]; ok && !matched {
			if err := all.check(address, rest, member, path+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (all metaSchemas) some(address, word string, choices []any, value any, path string) error {
	var reasons []string
	fits := 0
	for _, choice := range choices {
		if err := all.check(address, choice, value, path); err != nil {
			reasons = append(reasons, err.Error())
		} else {
			fits++
		}
	}
	if fits == 0 || word == "oneOf" && fits > 1 {
		return fmt.Errorf("%s: fits %d of the %s: %s", path, fits, word, strings.Join(reasons, "; "))
	}
	return nil
}

// same compares JSON values by how they are written.
func same(a, b any) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(other)
}

func list1(one any) []any {
	if many, ok := one.([]any); ok {
		return many
	}
	return []any{one}
}

func isOfType(value any, kind string) bool {
	switch v := value.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	default:
		return kind == "object"
	}
}
