package daemon

import (
	"encoding/json"
	"strconv"

	"github.com/mochilang/mochi-pyd/rpc"
)

// attrFunction is the runtime's own function behind mochi.attr.
const attrFunction = "mochi.attr"

// attrCall is what mochi.attr is asked with.
type attrCall struct {
	Module string          `json:"module"`
	Name   string          `json:"name"`
	Args   json.RawMessage `json:"args"`
	Always bool            `json:"always"`
}

// read takes the array of rpc.Attr apart at once, and anything else as the
// daemon's other methods do. plain says that it was such an array, which a worker
// takes as it stands.
func (p *attrCall) read(c *rpc.Call) (plain bool, err *rpc.Error) {
	var parts [3][]byte
	if n, ok := rpc.Elements(c.Params, parts[:]); ok && n == len(parts) {
		module, isText := rpc.PlainText(parts[0])
		name, alsoText := rpc.PlainText(parts[1])
		if isText && alsoText {
			*p = attrCall{Module: string(module), Name: string(name), Args: parts[2]}
			return true, nil
		}
	}
	return false, bind(c, p, "module", "name", "args", "always")
}

// attr calls as a script of today's Mochi does, in a worker of the module's pool
// (render's dropin.py has the rule): [module, name, args, always].
func (d *Daemon) attr(c *rpc.Call) {
	var p attrCall
	plain, err := p.read(c)
	if err != nil {
		c.Fail(err)
		return
	}
	if err := checkModule(c.Method, p.Module); err != nil {
		c.Fail(err)
		return
	}
	if err := checkName(p.Module + "." + p.Name); err != nil {
		c.Fail(err)
		return
	}
	switch {
	case len(p.Args) == 0 || string(p.Args) == "null":
		p.Args, plain = []byte("[]"), false
	case p.Args[0] != '[':
		c.Fail(rpc.NewError(rpc.KindInvalidParams, "mochi.attr: args must be an array", rpc.Fields{"argument": "args"}))
		return
	}
	for {
		s, prefix, err := d.moduleNamed(p.Module)
		if err != nil {
			c.Fail(err)
			return
		}
		if err := notOurs(c, prefix+p.Name); err != nil {
			c.Fail(err)
			return
		}
		if c.Function = attrFunction; !plain || prefix != "" {
			c.Params = attrParams(p.Module, prefix+p.Name, p.Args, p.Always)
			plain = false // they are no longer what was asked
		}
		if len(c.RawMeta) > 0 {
			if err := d.hold(c, s); err != nil {
				c.Fail(err)
				return
			}
		}
		if s.submit(c) {
			return
		}
	}
}

func attrParams(module, name string, args []byte, always bool) []byte {
	b := make([]byte, 0, len(module)+len(name)+len(args)+len(`["","",,false]`))
	b = append(b, '[')
	b = strconv.AppendQuote(b, module) // both have been checked: letters, digits, dots
	b = append(b, ',')
	b = strconv.AppendQuote(b, name)
	b = append(b, ',')
	b = append(b, args...)
	b = append(b, ',')
	return append(strconv.AppendBool(b, always), ']')
}
