package daemon

import (
	"encoding/json"
	"sort"
	"strings"

	"github.com/mochilang/mochi-pyd/rpc"
)

// openRPCVersion is the version of the specification that rpc.discover follows.
const openRPCVersion = "1.3.2"

// openRPC is the document, as far as there is something to say. Members that
// begin with x- are ours.
type openRPC struct {
	OpenRPC    string            `json:"openrpc"`
	Info       openRPCInfo       `json:"info"`
	Servers    []openRPCServer   `json:"servers,omitempty"`
	Methods    []openRPCMethod   `json:"methods"`
	Components openRPCComponents `json:"components"`
	Omitted    []openRPCOmitted  `json:"x-omitted,omitempty"`
}

type openRPCInfo struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

type openRPCServer struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type openRPCMethod struct {
	Name      string         `json:"name"`
	Summary   string         `json:"summary,omitempty"`
	Structure string         `json:"paramStructure,omitempty"`
	Params    []openRPCValue `json:"params"`
	Result    openRPCValue   `json:"result"`
	Errors    []openRPCRef   `json:"errors"`
	Kind      string         `json:"x-kind,omitempty"`
	Signature string         `json:"x-signature,omitempty"`
}

type openRPCValue struct {
	Name     string          `json:"name"`
	Required bool            `json:"required,omitempty"`
	Schema   json.RawMessage `json:"schema"`
	Kind     string          `json:"x-kind,omitempty"`
}

type openRPCRef struct {
	Ref string `json:"$ref"`
}

type openRPCComponents struct {
	Errors map[rpc.Kind]openRPCError `json:"errors"`
}

type openRPCError struct {
	Code    int                 `json:"code"`
	Message string              `json:"message"`
	Data    map[string]rpc.Kind `json:"data"`
}

// openRPCOmitted says of a pool whose functions are not in the document, why.
type openRPCOmitted struct {
	Pool   string `json:"pool"`
	Reason string `json:"reason"`
}

var anything = json.RawMessage("{}")

// ownErrors are what the daemon's own methods answer, callErrors what a
// function's call may.
var (
	ownErrors  = refs(rpc.KindInvalidParams, rpc.KindImportFailed, rpc.KindPermissionDenied, rpc.KindPoolUnavailable, rpc.KindShuttingDown)
	callErrors = refs(rpc.KindInvalidParams, rpc.KindPythonError, rpc.KindNotSerializable, rpc.KindTooLarge, rpc.KindWorkerLost,
		rpc.KindDeadlineExceeded, rpc.KindOverloaded, rpc.KindPoolUnavailable, rpc.KindImportFailed, rpc.KindReentry,
		rpc.KindRequestCancelled, rpc.KindShuttingDown, rpc.KindStaleRef)
)

func refs(kinds ...rpc.Kind) []openRPCRef {
	out := make([]openRPCRef, len(kinds))
	for i, k := range kinds {
		out[i].Ref = "#/components/errors/" + string(k)
	}
	return out
}

// document begins a document with the daemon's own methods of one socket.
func (d *Daemon) document(table map[string]method, address string) *openRPC {
	doc := &openRPC{
		OpenRPC: openRPCVersion,
		Info: openRPCInfo{
			"mochi-pyd", "Python functions over JSON-RPC 2.0, one message a line; an array of params is positional, an object is by keyword, and its member \"*\" holds the positional ones when both are needed.",
			d.opt.Version.Version,
		},
		Components: openRPCComponents{Errors: map[rpc.Kind]openRPCError{}},
	}
	if address != "" {
		doc.Servers = []openRPCServer{{"socket", "unix://" + address}}
	}
	for _, row := range rpc.ErrorTable() {
		doc.Components.Errors[row.Kind] = openRPCError{row.Code, row.When, map[string]rpc.Kind{"kind": row.Kind}}
	}
	for name, m := range table {
		out := openRPCMethod{Name: name, Summary: m.doc, Params: []openRPCValue{}, Result: openRPCValue{Name: "result", Schema: anything}, Errors: ownErrors}
		for _, p := range m.params {
			name, optional := strings.CutSuffix(p, "?")
			out.Params = append(out.Params, openRPCValue{Name: name, Required: !optional, Schema: anything})
		}
		doc.Methods = append(doc.Methods, out)
	}
	sort.Slice(doc.Methods, func(i, j int) bool { return doc.Methods[i].Name < doc.Methods[j].Name })
	return doc
}

// discovered is what a worker says of its module.
type discovered struct {
	Module  string             `json:"module"`
	Methods []discoveredMethod `json:"methods"`
}

type discoveredMethod struct {
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Doc       string            `json:"doc"`
	Signature string            `json:"signature"`
	Params    []discoveredParam `json:"params"`
	Result    json.RawMessage   `json:"result"`
}

type discoveredParam struct {
	Name     string          `json:"name"`
	Required bool            `json:"required"`
	Kind     string          `json:"kind"`
	Schema   json.RawMessage `json:"schema"`
}

// method is how the document says it, under the name a host calls it by.
func (m discoveredMethod) method(name string) openRPCMethod {
	out := openRPCMethod{
		Name: name, Summary: m.Doc, Structure: m.structure(), Params: make([]openRPCValue, len(m.Params)),
		Result: openRPCValue{Name: "result", Schema: orAnything(m.Result)}, Errors: callErrors, Kind: m.Kind, Signature: m.Signature,
	}
	for i, p := range m.Params {
		out.Params[i] = openRPCValue{Name: p.Name, Required: p.Required, Schema: orAnything(p.Schema), Kind: p.Kind}
	}
	return out
}

// structure says how the parameters can be passed. What needs both ways at once
// says neither: x-kind tells which is which.
func (m discoveredMethod) structure() string {
	positional, keyword := false, false
	for _, p := range m.Params {
		switch p.Kind {
		case "positional", "var_positional":
			positional = true
		case "keyword", "var_keyword":
			keyword = true
		}
	}
	switch {
	case positional && keyword:
		return ""
	case positional:
		return "by-position"
	case keyword:
		return "by-name"
	}
	return "either"
}

// orAnything is a schema, or the one that takes anything.
func orAnything(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return anything
	}
	return raw
}
