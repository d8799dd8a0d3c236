package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// mochiScript is what today's Mochi writes for each call.
const mochiScript = `import json, os, sys
import bench_sync as module

attribute = getattr(module, "add")
arguments = json.loads(os.environ["MOCHI_ARGS"])
print(json.dumps(attribute(*arguments) if callable(attribute) else attribute))
`

// processPerCall is how Mochi calls Python today: a file, an interpreter, the
// arguments in the environment, the answer in what was printed.
func processPerCall(b *bench) *contender {
	env := b.workerEnv()
	return &contender{
		name: peerProcess, host: hostGo, kind: peer,
		ask: goroutines(func(ctx context.Context) error { return attr(ctx, b.python, env, 3, 4) }),
	}
}

func attr(ctx context.Context, python string, env []string, args ...any) error {
	file, err := os.CreateTemp("", "mochi_py_*.py")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(mochiScript)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	encoded, err := json.Marshal(args)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, python, file.Name())
	command.Env = append(env[:len(env):len(env)], "MOCHI_ARGS="+string(encoded))
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var sum int
	if err := json.Unmarshal(bytes.TrimSpace(out), &sum); err != nil {
		return fmt.Errorf("%q: %w", out, err)
	}
	return checkSum(sum)
}
