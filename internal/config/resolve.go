package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Daemon gives the daemon's settings.
func (c *Config) Daemon() Daemon {
	var d Daemon
	d.Origins = daemonKeys.fill(&d, c.daemon, c.flagsFor(daemonKeys))
	if d.ControlGroup != "" && d.Origins["control-mode"].Kind == OriginDefault {
		d.ControlMode = 0o660
	}
	if d.ControlSocket == "" && d.Socket != "" {
		d.ControlSocket = filepath.Join(filepath.Dir(d.Socket), "ctl.sock")
	}
	return d
}

// Pools gives the declared pools, by name.
func (c *Config) Pools() []Pool {
	pools := make([]Pool, len(c.names))
	for i, name := range c.names {
		pools[i] = c.pool(name, c.pools[name])
		pools[i].Declared = true
	}
	return pools
}

// OnDemand gives the settings of a pool that nobody declared.
func (c *Config) OnDemand(module string) Pool { return c.pool(module, nil) }

func (c *Config) pool(name string, own layer) Pool {
	p := Pool{Name: name}
	p.Origins = poolKeys.fill(&p, c.defaults, own, c.flagsFor(poolKeys))
	if p.Module == "" && len(p.Modules) == 0 {
		p.Module = name
	}
	if p.Module == "" && len(p.Modules) > 0 {
		p.Module = p.Modules[0]
	}
	// A pool that names an interpreter means it, whatever the defaults' venv.
	if rank(p.Origins["python"]) > rank(p.Origins["venv"]) {
		p.Venv = ""
	}
	return p
}

func rank(o Origin) int {
	for i, kind := range []OriginKind{OriginDefault, OriginFile, OriginPoolDefaults, OriginPool, OriginFlag} {
		if kind == o.Kind {
			return i
		}
	}
	return 0
}

// Set overrides a key from the command line. Relative paths are relative to
// base. What a flag says holds for every pool.
func (c *Config) Set(section Section, key, base string, words ...string) error {
	known := map[Section]table{SectionDaemon: daemonKeys, SectionPoolDefaults: defaultKeys}[section]
	k := known.byName[key]
	if k == nil || len(words) == 0 {
		return fmt.Errorf("no key %s in [%s]", key, section)
	}
	v, err := k.parseText(words, base)
	if err != nil {
		return fmt.Errorf("--%s: %w", key, err)
	}
	c.flags[string(section)+"."+key] = setting{value: v, origin: Origin{Kind: OriginFlag}}
	return nil
}

func (c *Config) flagsFor(t table) layer {
	section := SectionPoolDefaults
	if t.keys[0].Section == SectionDaemon {
		section = SectionDaemon
	}
	out := layer{}
	for name, s := range c.flags {
		if key, ok := strings.CutPrefix(name, string(section)+"."); ok {
			out[key] = s
		}
	}
	return out
}

// PoolName says that s may name a pool.
func PoolName(s string) bool {
	return DottedName(strings.NewReplacer("-", "_").Replace(s)) && !strings.HasPrefix(s, "-")
}

// Reserved says that a name is the daemon's own: rpc.*, mochi.*, and $….
func Reserved(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return first == "rpc" || first == "mochi" || strings.HasPrefix(name, "$")
}
