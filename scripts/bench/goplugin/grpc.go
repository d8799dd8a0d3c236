package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/mochilang/mochi-pyd/scripts/bench/goplugin/add"
)

const (
	startLimit = 20 * time.Second
	pause      = 10 * time.Millisecond
)

// dial starts a grpcio server and connects to its Unix socket.
func dial(ctx context.Context, python, script, socket string) (*host, error) {
	server := exec.CommandContext(ctx, python, script, "serve", socket)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(startLimit, func() { _ = server.Process.Kill() })
		_ = server.Wait() // it ends by our signal, which is no success
		late.Stop()
	}
	if err := accepting(socket); err != nil {
		stop()
		return nil, err
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		stop()
		return nil, err
	}
	end := func() {
		_ = conn.Close()
		stop()
	}
	return &host{adder: add.NewClient(conn), pid: server.Process.Pid, close: end}, nil
}

// accepting waits for a socket that announces itself to nobody.
func accepting(socket string) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); <-ticker.C {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("the server did not accept within %s", startLimit)
}
