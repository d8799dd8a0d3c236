package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Setting is one key as it is in force, for config show and its JSON.
type Setting struct {
	Section Section `json:"section"`
	Pool    string  `json:"pool,omitempty"`
	Key     string  `json:"key"`
	Value   any     `json:"value"`
	Text    string  `json:"text"`   // as it would be written
	Origin  string  `json:"origin"` // FILE:LINE, flag --NAME, or default
	Apply   Apply   `json:"apply"`
}

// Settings are the keys of the daemon, in the order of the documentation.
func (d *Daemon) Settings(file string) []Setting {
	return daemonKeys.settings(d, d.Origins, file, "")
}

// Settings are the keys of a pool.
func (p *Pool) Settings(file string) []Setting { return poolKeys.settings(p, p.Origins, file, p.Name) }

// Settings are all that the file says, and the defaults of what it does not.
func (c *Config) Settings() []Setting {
	d := c.Daemon()
	all := append(d.Settings(c.File), c.DefaultSettings()...)
	for _, p := range c.Pools() {
		all = append(all, p.Settings(c.File)...)
	}
	return all
}

// DefaultSettings are those of pools that do not say otherwise.
func (c *Config) DefaultSettings() []Setting {
	p := c.pool("", nil)
	return defaultKeys.settings(&p, p.Origins, c.File, "")
}

func (t table) settings(ptr any, origins Origins, file, pool string) []Setting {
	s := reflect.ValueOf(ptr).Elem()
	out := make([]Setting, len(t.keys))
	for i, k := range t.keys {
		value := s.Field(k.index).Interface()
		out[i] = Setting{
			Section: k.Section, Pool: pool, Key: k.Name, Value: wire(value), Text: text(value),
			Origin: origins[k.Name].In(file, k.Name), Apply: k.Apply,
		}
	}
	return out
}

// Change is one key whose value is another one.
type Change struct {
	Section Section `json:"section"`
	Pool    string  `json:"pool,omitempty"`
	Key     string  `json:"key"`
	From    string  `json:"from"` // as it would be written
	To      string  `json:"to"`
	Origin  string  `json:"origin"` // of the new value
	Apply   Apply   `json:"apply"`
}

// ChangesTo are the keys that have another value in next, which file holds.
func (d *Daemon) ChangesTo(next *Daemon, file string) []Change {
	return changes(d.Settings(""), next.Settings(file))
}

// ChangesTo are the keys that have another value in next, which file holds.
func (p *Pool) ChangesTo(next *Pool, file string) []Change {
	return changes(p.Settings(""), next.Settings(file))
}

func changes(from, to []Setting) []Change {
	var out []Change
	for i, s := range to {
		if from[i].Text != s.Text {
			was, is := from[i].Hidden(), s.Hidden()
			out = append(out, Change{
				Section: s.Section, Pool: s.Pool, Key: s.Key, From: was.Text, To: is.Text, Origin: s.Origin, Apply: s.Apply,
			})
		}
	}
	return out
}

// secret is shown instead of a value that must not be read.
const secret = "…"

// Hidden is the setting as it may be shown to others than the file's readers, and
// go into tickets and logs: of env, the names alone. It is where people put what
// must not be read.
func (s Setting) Hidden() Setting {
	env, ok := s.Value.(map[string]string)
	if !ok {
		return s
	}
	shown, words := make(map[string]string, len(env)), []string{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		shown[name] = secret
		words = append(words, name+" = "+secret)
	}
	if s.Value = shown; len(words) > 0 {
		s.Text = "{ " + strings.Join(words, ", ") + " }"
	}
	return s
}

// Keep leaves what only a restart can change as it is in running.
func (d *Daemon) Keep(running *Daemon) {
	now, next := reflect.ValueOf(running).Elem(), reflect.ValueOf(d).Elem()
	for _, k := range daemonKeys.keys {
		if k.Apply == ApplyRestart {
			next.Field(k.index).Set(now.Field(k.index))
			d.Origins[k.Name] = running.Origins[k.Name]
		}
	}
}

// Again reads the file once more and lays the same flags over it. Without a
// file there is nothing to read, and c is given back.
func (c *Config) Again() (*Config, error) {
	if c.File == "" {
		return c, nil
	}
	if c.once() {
		return nil, Errors{{File: c.File, Message: "is no regular file, and cannot be read again: restart the daemon to change what it says, or keep it in a file"}}
	}
	next, err := Load(c.File)
	if err != nil {
		return nil, err
	}
	next.flags = c.flags
	return next, nil
}
