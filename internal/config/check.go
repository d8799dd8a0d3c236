package config

import "fmt"

// check looks at keys together: what each alone could not show.
func (l *loader) check(c *Config) {
	owners := map[string]string{}
	for _, name := range c.names {
		owners[name] = name
	}
	l.checkLayer(c.defaults)
	l.checkPool(c.pool("", nil), c.defaults)
	for _, name := range c.names {
		own := c.pools[name]
		at := l.Key("pools", name)
		l.checkLayer(own)
		_, hasModule := own["module"]
		modules, hasModules := own["modules"]
		switch {
		case hasModule && hasModules:
			l.Addf(modules.at, "pool %q has both module and modules: keep one", name)
		case hasModules && len(modules.value.([]string)) == 0:
			l.Addf(modules.at, "pool %q: modules is empty", name)
		case !hasModule && !hasModules && !ModuleName(name):
			l.Addf(at, "pool %q has no module, and its name is none: say module = \"…\"", name)
		}
		if alias, ok := own["alias"]; ok {
			a := alias.value.(string)
			if other, taken := owners[a]; taken && a != name {
				l.Addf(alias.at, "alias %q is taken by pool %q", a, other)
			} else if Reserved(a) {
				l.Addf(alias.at, "alias %q: names that begin with mochi. and rpc. are the daemon's own", a)
			}
			owners[a] = name
		}
		l.checkPool(c.pool(name, own), own)
	}
	d := c.Daemon()
	if d.ImportPolicy != PolicyAllowList && len(d.AllowModules) > 0 {
		l.Addf(c.daemon["allow-modules"].at, "allow-modules needs import-policy = %q", PolicyAllowList)
	}
	if len(c.names) > d.MaxPools {
		l.Addf(l.Key("daemon", "max-pools"), "max-pools is %d, but %d pools are declared", d.MaxPools, len(c.names))
	}
	if d.Socket != "" && d.Socket == d.ControlSocket {
		l.Addf(c.daemon["control-socket"].at, "control-socket and socket are the same path")
	}
	if network, path := d.Endpoint(); network == "unix" && (path == d.Socket || path == d.ControlSocket) {
		l.Addf(c.daemon["metrics"].at, "metrics cannot be served on %s, which is another of the daemon's sockets: give it a path of its own", path)
	}
}

// checkLayer looks at one table by itself.
func (l *loader) checkLayer(own layer) {
	if venv, ok := own["venv"]; ok {
		if _, both := own["python"]; both {
			l.Addf(venv.at, "both python and venv are set: keep one")
		}
	}
}

// checkPool looks at a pool with everything laid over each other. Only a table
// that sets one of two quarrelling keys is blamed, at that key.
func (l *loader) checkPool(p Pool, own layer) {
	blame := func(wrong bool, message string, keys ...string) {
		for _, k := range keys {
			if s, ok := own[k]; ok && wrong {
				l.Addf(s.at, "%s", message)
				return
			}
		}
	}
	blame(p.MaxWorkers != 0 && p.MaxWorkers < p.Workers,
		fmt.Sprintf("max-workers (%d) is below workers (%d)", p.MaxWorkers, p.Workers), "max-workers", "workers")
	blame(p.BackoffMax < p.BackoffMin,
		fmt.Sprintf("backoff-max (%s) is below backoff-min (%s)", p.BackoffMax, p.BackoffMin), "backoff-max", "backoff-min")
	blame(p.MaxMemoryHard != 0 && p.MaxMemoryHard < p.MaxMemory,
		"max-memory-hard is below max-memory: the soft limit could never act", "max-memory-hard", "max-memory")
}
