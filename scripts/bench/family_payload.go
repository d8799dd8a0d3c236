package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
)

const familyPayload = "payload"

// payloads are the sizes of the value that goes there and back.
var payloads = []struct {
	name  string
	size  int
	calls int
}{
	{"0.1 KiB", 102, 200},
	{"10 KiB", 10 << 10, 100},
	{"1,000 KiB", 1000 << 10, 5},
	{bigPayload, 10 << 20, 1},
}

const bigPayload = "10 MiB"

// The ways a value goes.
const (
	wayCodec  = "json.loads + dumps"
	wayAlone  = laneAlone
	wayDaemon = laneDaemon
)

func payloadLane(way, size string) string { return fmt.Sprintf("%s, %s", way, size) }

// limits let a long message through.
func limits(keys string) string {
	return fmt.Sprintf("[daemon]\nmax-message = \"%dMiB\"\n%s\n", maxMessage>>20, keys)
}

// payload is one value there and back, one call after the other.
func payload(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyPayload, about: "a list of records there and back; × is to json.loads + dumps of the same value", rounds: b.scaled(5)}
	s, err := b.serve(ctx, limits("")+callPools())
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	roles, err := s.roles(poolOne)
	if err != nil {
		return f, errors.Join(err, shut(f.closers))
	}
	conn, err := net.Dial("unix", s.Socket)
	if err != nil {
		return f, errors.Join(err, shut(f.closers))
	}
	f.closers = append(f.closers, conn.Close)
	alone, err := startLoneWorker(ctx, b, moduleSync)
	if err != nil {
		return f, errors.Join(err, shut(f.closers))
	}
	f.closers = append(f.closers, alone.end)
	for _, p := range payloads {
		value := rows(p.size)
		c, err := codec(ctx, b, value)
		if l := f.add(c, err, 1, p.calls); l != nil {
			l.label = payloadLane(wayCodec, p.name)
		}
		// Link ids of all sizes must grow: one line of them for all.
		byHand := newBulk(wayAlone, alone.in, alone.out, "same", value)
		byHand.counter = &alone.last
		f.measureAgainst(payloadLane(wayCodec, p.name), &contender{
			name: wayAlone, host: hostGo, kind: floor, ask: byHand.ask,
			cpu: map[string]func() []int{roleWorker: pid(alone.cmd.Process.Pid)},
		}, payloadLane(wayAlone, p.name), 1, p.calls)
		through := newBulk(wayDaemon, conn, conn, poolOne+".same", value)
		f.measureAgainst(payloadLane(wayCodec, p.name), &contender{name: wayDaemon, host: hostGo, kind: ours, ask: through.ask, cpu: roles}, payloadLane(wayDaemon, p.name), 1, p.calls)
	}
	return f, nil
}

func codec(ctx context.Context, b *bench, value []byte) (*contender, error) {
	path := filepath.Join(b.dir, fmt.Sprintf("payload-%d.json", len(value)))
	if err := os.WriteFile(path, value, 0o600); err != nil {
		return &contender{name: wayCodec}, fmt.Errorf("write a payload: %w", err)
	}
	return driven(ctx, wayCodec, hostPython, floor, nil, nil, b.python, filepath.Join(b.py, "codec.py"), path)
}

// added is what the daemon adds to a long call, in multiples of what json
// itself takes: not of the call without a daemon, which has pipes to pay for.
func added(f *familyResult, size string) (spread, bool) {
	through, alone, codec := f.find(payloadLane(wayDaemon, size)), f.find(payloadLane(wayAlone, size)), f.find(payloadLane(wayCodec, size))
	if through == nil || alone == nil || codec == nil {
		return spread{}, false
	}
	var values []float64
	for run := range min(len(through.Runs), len(alone.Runs), len(codec.Runs)) {
		values = append(values, math.Max(0, through.Runs[run].P50-alone.Runs[run].P50)/codec.Runs[run].P50)
	}
	return spreadOf(values)
}
