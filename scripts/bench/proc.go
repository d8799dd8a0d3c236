package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuTime is what a process's threads have run, from the scheduler's own
// nanoseconds: utime and stime of /proc/PID/stat tick in hundredths of a
// second, longer than a whole turn. A thread that ended takes its time along;
// neither the daemon nor the workers end threads.
func cpuTime(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var all time.Duration
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread ended between the listing and the look
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		all += time.Duration(n)
	}
	if len(tasks) == 0 {
		return 0, fmt.Errorf("no thread of process %d to be seen under /proc", pid)
	}
	return all, nil
}

// memory lines of /proc/PID/status.
const (
	residentNow  = "VmRSS"
	residentPeak = "VmHWM"
)

// memory reads one of them, in bytes.
func memory(pid int, line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for row := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(row, ":")
		if name != line {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			return 0, fmt.Errorf("read %s of process %d: %w", line, pid, err)
		}
		return kib * 1024, nil
	}
	return 0, fmt.Errorf("process %d has no %s", pid, line)
}

// forgetPeak makes the kernel start its high-water mark anew (proc(5),
// clear_refs).
func forgetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("reset the memory peak of process %d: %w", pid, err)
	}
	return nil
}
