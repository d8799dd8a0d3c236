package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/rpc"
)

// hostMethods are the daemon's own methods on the host socket.
func (d *Daemon) hostMethods() map[string]method {
	m := d.commonMethods()
	m["mochi.import"] = method{[]string{"module", "as?", "methods?"}, "import a module, under another name (as) or narrowed to some functions (methods)", d.importModule}
	m["mochi.release"] = method{[]string{"module?", "refs?"}, "drop this connection's reference to a module, or its handles (refs)", d.release}
	m["mochi.describe"] = method{[]string{"module"}, "list a module's functions with their kinds, signatures and documentation", d.describe}
	m["mochi.attr"] = method{[]string{"module", "name", "args?", "always?"}, "a module's attribute, called when it is a routine (or always), answered with the text that Python's json.dump writes for it: what Mochi's own scripts print", d.attr}
	return m
}

// commonMethods are on both sockets.
func (d *Daemon) commonMethods() map[string]method {
	return map[string]method{
		"mochi.ping":    {nil, "answers \"pong\"", func(c *rpc.Call) { c.Reply([]byte(`"pong"`)) }},
		"mochi.version": {nil, "which build this is", func(c *rpc.Call) { reply(c, d.opt.Version) }},
		"rpc.discover":  {[]string{"module?"}, "this document; of one module, which is imported, when it is named", d.discover},
	}
}

// described is what mochi.import and mochi.describe answer.
type described struct {
	Module  string             `json:"module"`
	Python  string             `json:"python"`
	Methods []describedMethod  `json:"methods"`
	Skipped []describedSkipped `json:"skipped"`
}

type describedMethod struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	Signature json.RawMessage `json:"signature"` // as the worker wrote it: a string, or null where there is none
	Doc       json.RawMessage `json:"doc"`
}

type describedSkipped struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// importModule gives a module a name on this connection and answers when it
// has been imported. The name holds from the moment the request is read, so
// that calls pipelined behind it find it; when the import fails it means again
// what it meant before.
func (d *Daemon) importModule(c *rpc.Call) {
	var p struct {
		Module  string   `json:"module"`
		As      string   `json:"as"`
		Methods []string `json:"methods"`
	}
	if err := bind(c, &p, "module", "as", "methods"); err != nil {
		c.Fail(err)
		return
	}
	spec, err := importSpec(&p.Module)
	if err != nil {
		c.Fail(err)
		return
	}
	if err := checkModule(c.Method, p.Module); err != nil {
		c.Fail(err)
		return
	}
	if p.As == "" {
		p.As = p.Module
	}
	if len(p.As) > maxName {
		c.Fail(tooLong(c.Method, "as", len(p.As)))
		return
	}
	if !config.DottedName(p.As) || config.Reserved(p.As) {
		c.Fail(rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("mochi.import: as must be a dotted name that does not begin with mochi. or rpc., not %q", p.As), rpc.Fields{"argument": "as"}))
		return
	}
	if len(p.Methods) > maxNarrowed {
		c.Fail(rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("mochi.import: methods has %d names, and at most %d: leave it out to have all", len(p.Methods), maxNarrowed), rpc.Fields{"argument": "methods"}))
		return
	}
	for _, name := range p.Methods {
		if len(name) > maxName {
			c.Fail(tooLong(c.Method, "methods", len(name)))
			return
		}
	}
	s, _, err := d.moduleNamed(p.Module)
	if err != nil {
		c.Fail(err)
		return
	}
	g, named := guestOf(c), &alias{module: p.Module, only: setOf(p.Methods)}
	if err := g.name(p.As, named, d.settings().MaxAliases); err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		info, err := d.ask(ctx, s)
		if err == nil {
			err = d.satisfies(ctx, s, spec)
		} else {
			err = withRequirement(err, spec)
		}
		if err != nil {
			g.undo(p.As, named)
			return nil, err
		}
		g.keep(named)
		if p.Methods != nil {
			info.narrow(p.Methods)
		}
		return info, nil
	})
}

func setOf(list []string) map[string]bool {
	if list == nil {
		return nil
	}
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// narrow keeps the functions a host asked for; the others are not skipped but
// unwanted, and what was asked for and is not there is named.
func (i *described) narrow(only []string) {
	i.Methods = slices.DeleteFunc(i.Methods, func(m describedMethod) bool { return !slices.Contains(only, m.Name) })
	for _, name := range only {
		known := slices.ContainsFunc(i.Methods, func(m describedMethod) bool { return m.Name == name })
		skipped := slices.ContainsFunc(i.Skipped, func(s describedSkipped) bool { return s.Name == name })
		if !known && !skipped {
			i.Skipped = append(i.Skipped, describedSkipped{name, "not on the module's own surface; it is looked up when it is called"})
		}
	}
}

// ask has a worker describe its module. A worker that dies between being ready
// and being asked is no news: the next one is asked.
func (d *Daemon) ask(ctx context.Context, s *served) (*described, error) {
	raw, err := d.question(ctx, s, "mochi.describe")
	if err != nil {
		return nil, err
	}
	var info described
	if err := json.Unmarshal(raw, &info); err != nil {
		return nil, fmt.Errorf("what the worker says about %s cannot be read: %w", s.settings().Module, err)
	}
	if info.Methods == nil {
		info.Methods = []describedMethod{}
	}
	if info.Skipped == nil {
		info.Skipped = []describedSkipped{}
	}
	return &info, nil
}

// release drops a connection's names for a module. The pool is not touched:
// others may use it. With refs it drops handles.
func (d *Daemon) release(c *rpc.Call) {
	var p struct {
		Module string   `json:"module"`
		Refs   []string `json:"refs"`
	}
	if err := bind(c, &p, "module", "refs"); err != nil {
		c.Fail(err)
		return
	}
	if p.Refs != nil {
		d.releaseRefs(c, p.Module, p.Refs)
		return
	}
	if err := checkModule(c.Method, p.Module); err != nil {
		c.Fail(err)
		return
	}
	reply(c, map[string]bool{"released": guestOf(c).release(p.Module)})
}

// describe tells what a module offers, and gives it no name.
func (d *Daemon) describe(c *rpc.Call) {
	var p struct {
		Module string `json:"module"`
	}
	if err := bind(c, &p, "module"); err != nil {
		c.Fail(err)
		return
	}
	if module, _, ok := guestOf(c).find(p.Module); ok {
		p.Module = module
	}
	if err := checkModule(c.Method, p.Module); err != nil {
		c.Fail(err)
		return
	}
	s, _, err := d.moduleNamed(p.Module)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) { return d.ask(ctx, s) })
}

// checkModule refuses what is no module's name. A pool's own name may have a
// dash, so it is looked up as it is.
func checkModule(method, module string) *rpc.Error {
	switch {
	case module == "":
		return rpc.NewError(rpc.KindInvalidParams, method+" needs a module, as in {\"module\":\"math\"}", rpc.Fields{"argument": "module"})
	case len(module) > maxName:
		return tooLong(method, "module", len(module))
	case !config.PoolName(module):
		return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: %q is no dotted module name", method, module), rpc.Fields{"argument": "module"})
	}
	return nil
}

func tooLong(method, argument string, n int) *rpc.Error {
	return rpc.NewError(rpc.KindInvalidParams,
		fmt.Sprintf("%s: a name in %s has %d bytes, and none has more than %d: give the module's own name", method, argument, n, maxName),
		rpc.Fields{"argument": argument})
}
