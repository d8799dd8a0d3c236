package acceptance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// emulators of an arm64 processor for one process; what it starts by exec runs
// on the real one, so the daemon's workers are this machine's own python3.
var emulators = []string{"qemu-aarch64-static", "qemu-aarch64"}

// TestTheArm64ProgramServes: the other architecture's daemon, its system calls
// and its assembly, with workers that answer, are replaced, and die with it.
func TestTheArm64ProgramServes(t *testing.T) {
	o := rig.Options{Binary: arm64Program(t), Config: "[pools.math]\nmodule = \"math\"\nworkers = 2\n"}
	d := serve(t, o)
	h := dial(t, d)
	if got := call(t, h, "math.sqrt", "[16]"); got != "4.0" {
		t.Errorf("math.sqrt(16) gave %s", got)
	}
	whole(t, d, "math")
	workers, err := d.Workers("math")
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.FindProcess(workers[0].PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	if !rig.Until(buildLimit, func() bool {
		now, err := d.Workers("math")
		return err == nil && len(now) == 2 && now[0].PID != workers[0].PID && now[0].State == "ready"
	}) {
		t.Error("a worker that died was not replaced")
	}
	if got := call(t, h, "math.sqrt", "[25]"); got != "5.0" {
		t.Errorf("math.sqrt(25) gave %s", got)
	}
}

// arm64Program builds it and gives the path of something that runs here.
func arm64Program(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the program of another architecture runs on Linux alone")
	}
	emulator := ""
	for _, name := range emulators {
		if path, err := exec.LookPath(name); err == nil && emulator == "" {
			emulator = path
		}
	}
	if emulator == "" && runtime.GOARCH != "arm64" {
		t.Skipf("none of %s on PATH (the package qemu-user-static has one): the arm64 program was not run", strings.Join(emulators, ", "))
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "arm64")
	ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "github.com/mochilang/mochi-pyd/cmd/mochi-pyd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for arm64: %v\n%s", err, out)
	}
	if emulator == "" {
		return program
	}
	script := filepath.Join(dir, "mochi-pyd")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec "+emulator+" "+program+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return script
}
