package bind

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Module is what a client is made of.
type Module struct {
	Name      string // as it was asked for: the prefix of its functions' names
	Functions []Function
}

// Function is one callable, or one value.
type Function struct {
	Wire   string // what a call names
	Local  string // without the module's name
	Doc    string
	Kind   string
	Params []Param
	Result Schema
}

// Param is one parameter. Kind is Python's: positional, both, keyword,
// var_positional or var_keyword.
type Param struct {
	Name     string
	Required bool
	Kind     string
	Schema   Schema
}

// Schema is the part of a JSON Schema that types are made of; all else in it is
// ignored, so that the type is wider than the schema and never narrower.
type Schema struct {
	Type       string
	Title      string
	Encoding   string   // contentEncoding
	Items      *Schema  // of an array
	Fixed      []Schema // of an array of so many items
	IsFixed    bool
	Properties []Property // of an object, in the document's order
	Additional *Schema    // of an object
	AnyOf      []Schema
	Enum       []any // strings, json.Numbers, bools and nil
}

// Property is one member of an object.
type Property struct {
	Name     string
	Required bool
	Schema   Schema
}

// Read reads a module's OpenRPC document.
func Read(module string, document []byte) (Module, error) {
	var doc struct {
		Methods []struct {
			Name    string `json:"name"`
			Summary string `json:"summary"`
			Kind    string `json:"x-kind"`
			Params  []struct {
				Name     string `json:"name"`
				Required bool   `json:"required"`
				Kind     string `json:"x-kind"`
				Schema   Schema `json:"schema"`
			} `json:"params"`
			Result struct {
				Schema Schema `json:"schema"`
			} `json:"result"`
		} `json:"methods"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return Module{}, fmt.Errorf("bind: the description of %s cannot be read: %w", module, err)
	}
	m := Module{Name: module}
	for _, method := range doc.Methods {
		f := Function{Wire: method.Name, Local: method.Name, Doc: method.Summary, Kind: method.Kind, Result: method.Result.Schema}
		// The pool's name may be another than the one that was asked for.
		if rest, ok := strings.CutPrefix(method.Name, module+"."); ok {
			f.Local = rest
		} else if _, rest, ok := strings.Cut(method.Name, "."); ok {
			f.Local = rest
		}
		for _, p := range method.Params {
			f.Params = append(f.Params, Param{p.Name, p.Required, p.Kind, p.Schema})
		}
		m.Functions = append(m.Functions, f)
	}
	if len(m.Functions) == 0 {
		return Module{}, fmt.Errorf("bind: %s has no functions of its own", module)
	}
	slices.SortStableFunc(m.Functions, func(a, b Function) int { return strings.Compare(a.Wire, b.Wire) })
	return m, nil
}

// UnmarshalJSON reads a schema. A boolean is one, too: anything, or nothing.
func (s *Schema) UnmarshalJSON(raw []byte) error {
	var boolean bool
	if json.Unmarshal(raw, &boolean) == nil {
		return nil
	}
	var in struct {
		Type       json.RawMessage `json:"type"`
		Title      string          `json:"title"`
		Encoding   string          `json:"contentEncoding"`
		Items      json.RawMessage `json:"items"`
		MaxItems   *int            `json:"maxItems"`
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
		Additional *Schema         `json:"additionalProperties"`
		AnyOf      []Schema        `json:"anyOf"`
		OneOf      []Schema        `json:"oneOf"`
		Enum       json.RawMessage `json:"enum"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*s = Schema{Title: in.Title, Encoding: in.Encoding, Additional: in.Additional, AnyOf: append(in.AnyOf, in.OneOf...)}
	_ = json.Unmarshal(in.Type, &s.Type) // a list of types is any of them
	if len(in.Enum) > 0 {
		dec := json.NewDecoder(bytes.NewReader(in.Enum))
		dec.UseNumber()
		if err := dec.Decode(&s.Enum); err != nil {
			return fmt.Errorf("enum: %w", err)
		}
	}
	if err := s.readItems(in.Items, in.MaxItems); err != nil {
		return err
	}
	return s.readProperties(in.Properties, in.Required)
}

func (s *Schema) readItems(raw json.RawMessage, most *int) error {
	switch {
	case len(raw) == 0:
		return nil
	case raw[0] != '[':
		s.Items = &Schema{}
		return json.Unmarshal(raw, s.Items)
	}
	if err := json.Unmarshal(raw, &s.Fixed); err != nil {
		return err
	}
	s.IsFixed = most != nil && *most == len(s.Fixed)
	return nil
}

// readProperties keeps the order in which the members stand: a map would not.
func (s *Schema) readProperties(raw json.RawMessage, required []string) error {
	if len(raw) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return errors.New("properties is no object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		p := Property{Name: name.(string)}
		p.Required = slices.Contains(required, p.Name)
		if err := dec.Decode(&p.Schema); err != nil {
			return err
		}
		s.Properties = append(s.Properties, p)
	}
	return nil
}

// nullable takes null out of the choices of a schema, if it is one of them.
func (s Schema) nullable() (rest Schema, ok bool) {
	var others []Schema
	for _, choice := range s.AnyOf {
		if choice.Type != "null" {
			others = append(others, choice)
		}
	}
	switch {
	case len(others) == len(s.AnyOf):
		return s, false
	case len(others) == 1:
		return others[0], true
	default:
		return Schema{AnyOf: others}, true
	}
}

// enumType is the type that all values of an enumeration have; "" when they have
// several.
func (s Schema) enumType() string {
	kind := ""
	for i, value := range s.Enum {
		one := ""
		switch v := value.(type) {
		case string:
			one = "string"
		case bool:
			one = "boolean"
		case json.Number:
			one = "number"
			if !strings.ContainsAny(v.String(), ".eE") {
				one = "integer"
			}
		}
		if i > 0 && one != kind {
			return ""
		}
		kind = one
	}
	return kind
}

// arguments are a function's parameters by how they are sent.
type arguments struct {
	positional []Param // in a list, in this order
	rest       *Param  // *args
	named      []Param // by name
	extra      *Param  // **kwargs
}

// sorted decides for each parameter how it is sent. By position goes what must;
// and what has to be there anyway, which is shorter.
func (f Function) sorted() (a arguments) {
	for i := range f.Params {
		p := f.Params[i]
		if p.Kind == "var_positional" {
			a.rest = &p
		}
	}
	for i := range f.Params {
		p := f.Params[i]
		switch {
		case p.Kind == "var_positional":
		case p.Kind == "var_keyword":
			a.extra = &p
		case p.Kind == "keyword", p.Kind != "positional" && !p.Required && a.rest == nil:
			a.named = append(a.named, p)
		default:
			a.positional = append(a.positional, p)
		}
	}
	return a
}

// options are the parameters that need not be given.
func (a arguments) options() (out []Param) {
	for _, p := range append(slices.Clone(a.positional), a.named...) {
		if !p.Required {
			out = append(out, p)
		}
	}
	return out
}

// required are those that must be.
func (a arguments) required() (out []Param) {
	for _, p := range append(slices.Clone(a.positional), a.named...) {
		if p.Required {
			out = append(out, p)
		}
	}
	return out
}
