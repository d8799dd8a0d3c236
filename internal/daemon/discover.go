package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// A document for nobody in particular is bounded: a module more is one
// rpc.discover {module} away.
const (
	maxDiscovered    = 1 << 12         // functions
	discoverPatience = 2 * time.Second // for a pool to tell of itself
)

// discover describes what can be called on the socket it is asked on: the
// daemon's own methods, and on the hosts' socket the functions of the pools that
// are ready; with a module, that module's alone, imported if need be.
func (d *Daemon) discover(c *rpc.Call) {
	var p struct {
		Module string `json:"module"`
	}
	if err := bind(c, &p, "module"); err != nil {
		c.Fail(err)
		return
	}
	g := guestOf(c)
	switch {
	case g == nil && p.Module != "":
		c.Fail(rpc.Errorf(rpc.KindPermissionDenied, "functions are called on the hosts' socket: ask rpc.discover there"))
	case g == nil:
		reply(c, d.document(d.controls, ""))
	case p.Module != "":
		d.discoverModule(c, p.Module)
	default:
		d.later(c, func(ctx context.Context) (any, error) {
			doc := d.document(d.methods, d.address)
			d.addReady(ctx, doc)
			return doc, context.Cause(ctx)
		})
	}
}

// discoverModule answers with the functions of one module, under the names that
// this connection calls them by.
func (d *Daemon) discoverModule(c *rpc.Call, name string) {
	module, _, aliased := guestOf(c).find(name)
	if !aliased {
		module = name
	}
	if err := checkModule(c.Method, module); err != nil {
		c.Fail(err)
		return
	}
	s, prefix, err := d.moduleNamed(module)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		info, err := d.askTypes(ctx, s)
		if err != nil {
			return nil, err
		}
		doc := d.document(nil, d.address)
		doc.Methods = []openRPCMethod{}
		for _, m := range info.Methods {
			own, ok := strings.CutPrefix(m.Name, prefix)
			switch {
			case !ok:
			case aliased:
				doc.Methods = append(doc.Methods, m.method(name+"."+own))
			default:
				doc.Methods = append(doc.Methods, m.method(s.settings().Name+"."+m.Name))
			}
		}
		return doc, nil
	})
}

// addReady adds the functions of the pools that are ready, and the reason of
// those that are not, in the order of their names.
func (d *Daemon) addReady(ctx context.Context, doc *openRPC) {
	all := slices.Clone(d.pools.now.Load().all)
	slices.SortFunc(all, func(a, b *served) int { return strings.Compare(a.settings().Name, b.settings().Name) })
	told, failed := make([]*discovered, len(all)), make([]error, len(all))
	var asked sync.WaitGroup
	for i, s := range all {
		if s.pool.Stat().Ready == 0 {
			failed[i] = rpc.Errorf(rpc.KindPoolUnavailable, "no worker is ready")
			continue
		}
		asked.Go(func() {
			ctx, cancel := context.WithTimeoutCause(ctx, discoverPatience, fmt.Errorf("no worker answered within %s", discoverPatience))
			defer cancel()
			told[i], failed[i] = d.askTypes(ctx, s)
		})
	}
	asked.Wait()
	functions, size := 0, 0
	for i, s := range all {
		name := s.settings().Name
		if failed[i] != nil {
			doc.Omitted = append(doc.Omitted, openRPCOmitted{name, failed[i].Error()})
			continue
		}
		more, bytes := len(told[i].Methods), 0
		for _, m := range told[i].Methods {
			bytes += m.size()
		}
		if functions+more > maxDiscovered || size+bytes > int(d.settings().MaxMessage)/2 {
			reason := fmt.Sprintf("the document has room for %d functions: ask rpc.discover with module %s", maxDiscovered, name)
			doc.Omitted = append(doc.Omitted, openRPCOmitted{name, reason})
			continue
		}
		functions, size = functions+more, size+bytes
		for _, m := range told[i].Methods {
			doc.Methods = append(doc.Methods, m.method(name+"."+m.Name))
		}
	}
}

// size is about what the function takes in a document.
func (m discoveredMethod) size() int {
	const around = 700 // its errors and its members' names
	n := around + len(m.Name) + len(m.Doc) + len(m.Signature) + len(m.Result)
	for _, p := range m.Params {
		n += len(p.Name) + len(p.Schema)
	}
	return n
}

// askTypes has a worker say what its module's functions take and give.
func (d *Daemon) askTypes(ctx context.Context, s *served) (*discovered, error) {
	raw, err := d.question(ctx, s, "mochi.discover")
	if err != nil {
		return nil, err
	}
	var info discovered
	if err := json.Unmarshal(raw, &info); err != nil {
		return nil, fmt.Errorf("what the worker says about %s cannot be read: %w", s.settings().Module, err)
	}
	return &info, nil
}

// question asks a worker of the pool about its module; of a pool that has been
// forgotten meanwhile, one of the pool that is made in its place.
func (d *Daemon) question(ctx context.Context, s *served, method string) (json.RawMessage, error) {
	if !s.touch() {
		var err *rpc.Error
		if s, _, err = d.moduleNamed(s.settings().Name); err != nil {
			return nil, err
		}
	}
	return s.pool.Ask(ctx, method, nil)
}
