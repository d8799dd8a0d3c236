package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The peers, as the report names them.
const (
	peerProcess  = "process per call (today's Mochi)"
	peerFastAPI  = "FastAPI on uvicorn"
	peerGRPC     = "grpcio, Go host"
	peerGRPCPy   = "grpcio, Python host"
	peerPlugin   = "hashicorp/go-plugin, grpcio"
	peerRPyC     = "RPyC"
	peerPyro     = "Pyro5"
	peerGunicorn = "gunicorn dirty workers"
	peerPipe     = "multiprocessing.connection"
	peerExecnet  = "execnet"
)

// scripted are the peers that are a Python program with its own client library.
var scripted = []struct{ name, script string }{
	{peerRPyC, "peer_rpyc.py"},
	{peerPyro, "peer_pyro5.py"},
	{peerGunicorn, "peer_gunicorn.py"},
	{peerPipe, "peer_multiprocessing.py"},
	{peerExecnet, "peer_execnet.py"},
	{peerGRPCPy, "peer_grpc.py"},
}

// addPeers opens every peer; one that cannot run is named with its reason.
func addPeers(ctx context.Context, b *bench, f *family, depth, calls int) {
	if b.gating {
		return
	}
	add := func(c *contender, err error) { f.add(c, err, depth, calls) }
	add(processPerCall(b), nil)
	add(overHTTP(ctx, b, depth))
	stubs, err := b.stubs(ctx)
	env := []string{"PYTHONPATH=" + stubs}
	for _, s := range scripted {
		if s.name == peerGRPCPy && err != nil {
			add(&contender{name: s.name}, err)
			continue
		}
		add(driven(ctx, s.name, hostPython, peer, nil, env, b.python, filepath.Join(b.py, s.script), b.socket(s.script)))
	}
	for _, g := range []struct{ name, mode string }{{peerGRPC, "grpc"}, {peerPlugin, "plugin"}} {
		switch {
		case b.goplugin == "":
			add(&contender{name: g.name}, fmt.Errorf("%w: its Go host was not built (-goplugin)", errUnavailable))
		case err != nil:
			add(&contender{name: g.name}, err)
		default:
			add(driven(ctx, g.name, hostGo, peer, nil, append(env, "BENCH_PLUGIN=adder"),
				b.goplugin, g.mode, b.python, filepath.Join(b.py, "peer_grpc.py"), b.socket(g.mode)))
		}
	}
}

// socket is a path that nobody has used: of a peer's socket, or its directory.
func (b *bench) socket(name string) string {
	b.sockets++
	return filepath.Join(b.dir, fmt.Sprintf("%d-%s", b.sockets, name))
}

// stubs generates what gRPC's Python users generate, once.
func (b *bench) stubs(ctx context.Context) (string, error) {
	dir := filepath.Join(b.dir, "stubs")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return dir, fmt.Errorf("make a directory for the stubs: %w", err)
	}
	command := exec.CommandContext(ctx, b.python, "-m", "grpc_tools.protoc", "-I", b.py, "--python_out="+dir, "--grpc_python_out="+dir, "add.proto")
	if out, err := command.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: its stubs could not be generated: %w: %s", errUnavailable, err, out)
	}
	return dir, nil
}
