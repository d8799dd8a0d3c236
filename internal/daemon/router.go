package daemon

import (
	"slices"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/rpc"
)

// maxName bounds the bytes of a function's, module's or alias's name. Finding a
// name's owner costs the square of its length, on the goroutine that reads the
// connection; real names have a few dozen bytes.
const maxName = 1 << 10

// handleHost takes every call of the host socket.
func (d *Daemon) handleHost(c *rpc.Call) {
	if err := checkLength(c); err != nil {
		c.Fail(err)
		return
	}
	if config.Reserved(c.Method) && !strings.HasPrefix(c.Method, refPrefix) {
		d.own(c, d.methods)
		return
	}
	s, function, err := d.route(c)
	for err == nil {
		if err = notOurs(c, function); err != nil {
			break
		}
		c.Function = function
		if len(c.RawMeta) > 0 {
			if err = d.hold(c, s); err != nil {
				break
			}
		}
		if s.submit(c) {
			return
		}
		s, function, err = d.route(c) // forgotten meanwhile: made anew
	}
	c.Fail(err)
}

// notOurs refuses a function's name that a worker takes for one of the runtime's
// own: those are asked by the daemon, which says whose handles they are for.
func notOurs(c *rpc.Call, function string) *rpc.Error {
	if !config.Reserved(function) || strings.HasPrefix(c.Method, refPrefix) {
		return nil
	}
	return rpc.Errorf(rpc.KindMethodNotFound, "%s: names that begin with mochi. or rpc. are the runtime's own, and no module's functions", c.Method)
}

// route finds the pool a call is for, and the function's name inside it. The
// longest alias of the connection or declared pool that prefixes the name owns
// it; otherwise the first segment is a module, imported on first use.
func (d *Daemon) route(c *rpc.Call) (*served, string, *rpc.Error) {
	name := c.Method
	if strings.HasPrefix(name, refPrefix) {
		return d.routeRef(c)
	}
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	g, now := guestOf(c), d.pools.now.Load()
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if module, only, ok := g.find(name[:i]); ok {
			if only != nil && !only[name[i+1:]] {
				return nil, "", rpc.Errorf(rpc.KindMethodNotFound, "%s is not among the methods this connection imported: import %s again with it, or without methods", name, module)
			}
			s, prefix, err := d.moduleNamed(module)
			return s, prefix + name[i+1:], err
		}
		if s := now.declared[name[:i]]; s != nil {
			return s, name[i+1:], nil
		}
	}
	first := strings.IndexByte(name, '.')
	if first < 0 {
		return nil, "", rpc.Errorf(rpc.KindMethodNotFound, "%q names no function: write MODULE.FUNCTION, as in math.sqrt", name)
	}
	if s := now.imported[name[:first]]; s != nil {
		return s, name[first+1:], nil
	}
	end, err := d.mayImport(name)
	if err != nil {
		return nil, "", err
	}
	s, err := d.pools.obtain(name[:end])
	return s, name[end+1:], err
}

// moduleNamed gives the pool that serves a module: a declared one of that name
// or module, else one that is made for it where the policy allows. prefix is
// what a function's name begins with in a pool of several modules.
func (d *Daemon) moduleNamed(module string) (s *served, prefix string, err *rpc.Error) {
	now := d.pools.now.Load()
	if s := now.declared[module]; s != nil {
		return s, "", nil
	}
	for _, s := range now.all {
		switch {
		case !s.settings().Declared:
		case len(s.settings().Modules) > 1 && slices.Contains(s.settings().Modules, module):
			return s, module + ".", nil
		case s.settings().Module == module:
			return s, "", nil
		}
	}
	if s := now.imported[module]; s != nil {
		return s, "", nil
	}
	if !d.allowed(module) {
		return nil, "", d.notAllowed(module)
	}
	s, err = d.pools.obtain(module)
	return s, "", err
}

// mayImport says where in a function's name the module ends that the policy
// lets it be imported from: after the first segment, or, where only a module
// further down is on the list, after that.
func (d *Daemon) mayImport(name string) (end int, err *rpc.Error) {
	for i := strings.IndexByte(name, '.'); i > 0; {
		if d.allowed(name[:i]) {
			return i, nil
		}
		next := strings.IndexByte(name[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return 0, d.notAllowed(name[:strings.IndexByte(name, '.')])
}

// allowed applies import-policy to a module that nobody declared.
func (d *Daemon) allowed(module string) bool { return allowedBy(d.settings(), module) }

func allowedBy(s *config.Daemon, module string) bool {
	switch s.ImportPolicy {
	case config.PolicyAny:
		return true
	case config.PolicyAllowList:
		for _, pattern := range s.AllowModules {
			prefix, below := strings.CutSuffix(pattern, ".*")
			if module == prefix || below && strings.HasPrefix(module, prefix+".") {
				return true
			}
		}
	}
	return false
}

func (d *Daemon) notAllowed(module string) *rpc.Error {
	where := d.config().File
	if where == "" {
		where = "the configuration"
	}
	advice := "declare it as [pools." + module + "] in " + where
	if d.settings().ImportPolicy == config.PolicyAllowList {
		advice = "add it to allow-modules in " + where
	}
	return rpc.NewError(rpc.KindPermissionDenied,
		"module "+module+" may not be imported (import-policy is "+d.settings().ImportPolicy+"): "+advice,
		rpc.Fields{"module": module})
}

// checkLength comes before anything looks at a call's name, and does not repeat
// it.
func checkLength(c *rpc.Call) *rpc.Error {
	if len(c.Method) <= maxName {
		return nil
	}
	return rpc.Errorf(rpc.KindMethodNotFound, "the method's name has %d bytes, and none has more than %d: write MODULE.FUNCTION, as in math.sqrt", len(c.Method), maxName)
}

// checkName refuses what can be no function's name before any worker hears of
// it: a name may be what makes us import a module.
func checkName(name string) *rpc.Error {
	start := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			continue
		}
		if i == start {
			return rpc.Errorf(rpc.KindMethodNotFound, "%q names no function: write MODULE.FUNCTION, as in math.sqrt", name)
		}
		if name[start] == '_' {
			return rpc.Errorf(rpc.KindMethodNotFound, "%s is private: names that begin with _ cannot be called, use the module's public functions", name)
		}
		start = i + 1
	}
	if !config.DottedName(name) {
		return rpc.Errorf(rpc.KindMethodNotFound, "%q names no function: write MODULE.FUNCTION, as in math.sqrt", name)
	}
	return nil
}
