package main

import (
	"context"
	"errors"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/mochilang/mochi-pyd/scripts/bench/goplugin/add"
)

// adder is the plugin as go-plugin's hosts declare one.
type adder struct{ plugin.NetRPCUnsupportedPlugin }

func (adder) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this plugin is written in Python")
}

func (adder) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return add.NewClient(conn), nil
}

// launch starts a Python program as a plugin.
func launch(ctx context.Context, python, script, socket string) (*host, error) {
	command := exec.CommandContext(ctx, python, script, "plugin", socket)
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BENCH_PLUGIN", MagicCookieValue: "adder"},
		Plugins:          plugin.PluginSet{"adder": adder{}},
		Cmd:              command,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, err
	}
	raw, err := protocol.Dispense("adder")
	if err != nil {
		client.Kill()
		return nil, err
	}
	a, ok := raw.(*add.Client)
	if !ok {
		client.Kill()
		return nil, errors.New("the plugin is no adder")
	}
	return &host{adder: a, pid: command.Process.Pid, close: client.Kill}, nil
}
