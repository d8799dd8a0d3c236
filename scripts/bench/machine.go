package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is what the figures were seen on: enough to read them by, nothing
// that names a person's computer.
type machine struct {
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Python string `json:"python"`
	Node   string `json:"node,omitempty"`
}

func thisMachine(ctx context.Context, python string) machine {
	return machine{
		Cores:  runtime.NumCPU(),
		CPU:    cpuModel(),
		Kernel: runtime.GOOS + " " + firstLine("/proc/sys/kernel/osrelease"),
		Go:     runtime.Version() + " " + runtime.GOARCH,
		Python: said(ctx, python, "-c", "import platform; print(platform.python_implementation(), platform.python_version())"),
		Node:   said(ctx, "node", "--version"),
	}
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for row := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(row, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// said is what a program prints; "" when it is not there.
func said(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
