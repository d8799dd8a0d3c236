package daemon

import (
	"sort"

	"github.com/mochilang/mochi-pyd/rpc"
)

// openRPCVersion is the version of the specification that rpc.discover follows.
const openRPCVersion = "1.3.2"

type openRPC struct {
	OpenRPC string          `json:"openrpc"`
	Info    openRPCInfo     `json:"info"`
	Methods []openRPCMethod `json:"methods"`
}

type openRPCInfo struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type openRPCMethod struct {
	Name    string         `json:"name"`
	Summary string         `json:"summary"`
	Params  []openRPCValue `json:"params"`
	Result  openRPCValue   `json:"result"`
}

type openRPCValue struct {
	Name   string         `json:"name"`
	Schema map[string]any `json:"schema"`
}

// discover lists the daemon's own methods of the socket it is asked on. The
// functions of modules are mochi.describe's: they exist once a module has been
// imported, and are too many to list for nobody.
func (d *Daemon) discover(c *rpc.Call) {
	table := d.methods
	if guestOf(c) == nil {
		table = d.controls
	}
	doc := openRPC{OpenRPC: openRPCVersion, Info: openRPCInfo{"mochi-pyd", d.opt.Version.Version}}
	for name, m := range table {
		out := openRPCMethod{Name: name, Summary: m.doc, Params: []openRPCValue{}, Result: openRPCValue{"result", map[string]any{}}}
		for _, p := range m.params {
			out.Params = append(out.Params, openRPCValue{p, map[string]any{}})
		}
		doc.Methods = append(doc.Methods, out)
	}
	sort.Slice(doc.Methods, func(i, j int) bool { return doc.Methods[i].Name < doc.Methods[j].Name })
	reply(c, doc)
}
