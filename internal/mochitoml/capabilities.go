package mochitoml

import (
	"fmt"
	"strings"
)

// Capabilities are what a package's Python may do: nothing that is not granted.
// Until the operating system enforces them, what is imported without its grant
// is warned of.
type Capabilities struct {
	Net, FS, Proc, Subprocess, CExtension, MonkeyPatch bool
}

// capability is one grant and the names it is written by.
type capability struct {
	name  string
	other string // a second spelling
	field func(*Capabilities) *bool
}

var capabilities = []capability{
	{"net", "", func(c *Capabilities) *bool { return &c.Net }},
	{"fs", "", func(c *Capabilities) *bool { return &c.FS }},
	{"proc", "", func(c *Capabilities) *bool { return &c.Proc }},
	{"subprocess", "", func(c *Capabilities) *bool { return &c.Subprocess }},
	{"cextension", "c-extension", func(c *Capabilities) *bool { return &c.CExtension }},
	{"monkey-patch", "", func(c *Capabilities) *bool { return &c.MonkeyPatch }},
}

func capabilityNames() []string {
	var names []string
	for _, c := range capabilities {
		names = append(names, c.name)
		if c.other != "" {
			names = append(names, c.other)
		}
	}
	return names
}

func (m *Manifest) readCapabilities(python map[string]any) {
	body, ok := m.table(python, tablePython, keyCapabilities)
	if !ok {
		return
	}
	set := map[string]string{} // by which spelling a grant was given
	for _, name := range sorted(body) {
		at := []string{tablePython, keyCapabilities, name}
		c := capabilityOf(name)
		if c == nil {
			m.unknown(m.doc.Key(at...), name, capabilityNames())
			continue
		}
		granted, ok := body[name].(bool)
		if !ok {
			m.doc.Addf(m.doc.Value(at...), "%s must be true or false", name)
			continue
		}
		field := c.field(&m.Capabilities)
		if other, twice := set[c.name]; twice && *field != granted {
			m.doc.Addf(m.doc.Value(at...), "%s is %t and %s is %t: they are two spellings of one grant, keep one", name, granted, other, *field)
			continue
		}
		set[c.name] = name
		*field = granted
	}
}

func capabilityOf(name string) *capability {
	for i := range capabilities {
		if c := &capabilities[i]; c.name == name || c.other == name {
			return c
		}
	}
	return nil
}

// wants says what some well-known modules need; a module that is not here may
// need as much, and nobody warns of it.
var wants = map[string][]string{
	"socket": {"net"}, "ssl": {"net"}, "http": {"net"}, "urllib": {"net"}, "ftplib": {"net"}, "smtplib": {"net"},
	"requests": {"net"}, "httpx": {"net"}, "aiohttp": {"net"}, "urllib3": {"net"}, "websockets": {"net"}, "boto3": {"net"},
	"grpc": {"net", "cextension"}, "psycopg2": {"net", "cextension"}, "redis": {"net"}, "pymongo": {"net"},
	"shutil": {"fs"}, "tempfile": {"fs"}, "pathlib": {"fs"}, "glob": {"fs"}, "sqlite3": {"fs"},
	"os": {"fs", "proc", "subprocess"}, "subprocess": {"subprocess"}, "multiprocessing": {"subprocess"}, "pty": {"subprocess"},
	"signal": {"proc"}, "resource": {"proc"}, "psutil": {"proc", "cextension"},
	"ctypes": {"cextension"}, "cffi": {"cextension"}, "numpy": {"cextension"}, "pandas": {"cextension", "fs"}, "scipy": {"cextension"},
	"sklearn": {"cextension"}, "torch": {"cextension"}, "tensorflow": {"cextension"}, "PIL": {"cextension", "fs"}, "orjson": {"cextension"},
	"lxml": {"cextension"}, "cv2": {"cextension", "fs"}, "gevent": {"monkey-patch", "cextension", "net"}, "eventlet": {"monkey-patch", "net"},
}

// Missing gives a sentence for each capability that a module is known to need
// and the manifest does not grant.
func (m *Manifest) Missing(module string) []string {
	top, _, _ := strings.Cut(module, ".")
	var out []string
	for _, name := range wants[top] {
		if c := capabilityOf(name); !*c.field(&m.Capabilities) {
			out = append(out, fmt.Sprintf("module %s needs the capability %s, which [python.capabilities] does not grant: write %s = true there", module, name, name))
		}
	}
	return out
}
