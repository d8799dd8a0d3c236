package config

import (
	"strings"
	"testing"
)

func TestMetricsAreServedToThisMachineOnly(t *testing.T) {
	for _, good := range []struct{ written, network, address string }{
		{"", "", ""},
		{"unix:/run/m.sock", "unix", "/run/m.sock"},
		{"unix:m.sock", "unix", "/base/m.sock"},
		{"127.0.0.1:9471", "tcp", "127.0.0.1:9471"},
		{"127.8.8.8:9471", "tcp", "127.8.8.8:9471"},
		{"localhost:9471", "tcp", "localhost:9471"},
		{"[::1]:9471", "tcp", "[::1]:9471"},
	} {
		c, err := Parse("m.toml", "/base", []byte("[daemon]\nmetrics = \""+good.written+"\"\n"))
		if err != nil {
			t.Errorf("%q: %v", good.written, err)
			continue
		}
		d := c.Daemon()
		if network, address := d.Endpoint(); network != good.network || address != good.address {
			t.Errorf("%q is %s %s, want %s %s", good.written, network, address, good.network, good.address)
		}
	}
	for written, says := range map[string]string{
		"0.0.0.0:9471": "other machines", "[::]:9471": "other machines", ":9471": "other machines", "192.0.2.1:9471": "other machines",
		"example.org:9471": "other machines", "[::ffff:192.0.2.1]:9471": "other machines",
		"127.0.0.1": "wants", "9471": "wants", "127.0.0.1:http": "wants", "127.0.0.1:0": "wants", "127.0.0.1:99999": "wants",
		"/run/m.sock": "wants", "unix:": "names no socket", "http://127.0.0.1:9471": "wants",
	} {
		_, err := Parse("m.toml", "/base", []byte("[daemon]\nmetrics = \""+written+"\"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "m.toml:2:11: metrics ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want an error that says %q", written, err, says)
		}
	}
}
