package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// unixPrefix begins an endpoint that is a Unix socket.
const unixPrefix = "unix:"

// checkEndpoint takes unix:PATH and HOST:PORT, where HOST is this machine and
// nobody else's way in: what is served there asks nobody who they are.
func (k *Key) checkEndpoint(s, base string) (any, *wrong) {
	if s == "" {
		return s, nil
	}
	if path, unix := strings.CutPrefix(s, unixPrefix); unix {
		switch {
		case path == "":
			return nil, wrongf("%s names no socket: write \"unix:PATH\"", k.Name)
		case !filepath.IsAbs(path) && base != "":
			path = filepath.Join(base, path)
		}
		return unixPrefix + path, nil
	}
	host, port, err := net.SplitHostPort(s)
	if n, notPort := strconv.ParseUint(port, 10, 16); err != nil || notPort != nil || n == 0 {
		return nil, wrongf("%s wants \"unix:PATH\" or \"127.0.0.1:PORT\", not %q", k.Name, s)
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, wrongf("%s would let other machines in at %q: write \"127.0.0.1:%s\", and put a proxy that asks for credentials before it if others are to read", k.Name, s, port)
	}
	return s, nil
}

// Endpoint is where metrics are served, as net.Listen takes it; an empty network
// is nowhere.
func (d *Daemon) Endpoint() (network, address string) {
	if d.Metrics == "" {
		return "", ""
	}
	if path, unix := strings.CutPrefix(d.Metrics, unixPrefix); unix {
		return "unix", path
	}
	return "tcp", d.Metrics
}
