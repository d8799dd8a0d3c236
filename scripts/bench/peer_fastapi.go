package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// overHTTP is FastAPI on one uvicorn worker, over a Unix socket, asked with Go's
// own client and a connection for each call in flight.
func overHTTP(ctx context.Context, b *bench, depth int) (*contender, error) {
	c := &contender{name: peerFastAPI, host: hostGo, kind: peer}
	socket := b.socket("uvicorn")
	server := exec.CommandContext(ctx, b.python, "-m", "uvicorn", "peer_fastapi:app", "--app-dir", b.py,
		"--uds", socket, "--log-level", "warning", "--no-access-log")
	if err := server.Start(); err != nil {
		return c, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Wait() // its status after a signal is its own affair
	}()
	gone := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	stop := func() error { return stopServer(server, ended) }
	accepts := rig.Until(readyLimit, func() bool {
		conn, err := net.Dial("unix", socket)
		return err == nil && conn.Close() == nil || gone()
	})
	if !accepts || gone() {
		return c, errors.Join(fmt.Errorf("%w: uvicorn did not start", errUnavailable), stop())
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: depth,
	}}
	c.cpu = map[string]func() []int{roleServer: pid(server.Process.Pid)}
	c.close = func() error {
		client.CloseIdleConnections()
		return stop()
	}
	c.ask = goroutines(func(ctx context.Context) error { return getSum(ctx, client) })
	return c, nil
}

func getSum(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://uvicorn/add?a=3&b=4", http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return err
	}
	var sum int
	if err := json.Unmarshal(text, &sum); err != nil {
		return fmt.Errorf("status %d %q: %w", response.StatusCode, text, err)
	}
	return checkSum(sum)
}

// stopServer ends a server that knows SIGTERM, or kills it.
func stopServer(server *exec.Cmd, ended <-chan struct{}) error {
	// An error means that it is gone, which is what ended says too.
	_ = server.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(endLimit)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		_ = server.Process.Kill()
		<-ended
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", server.Args[0], endLimit)
	}
}
