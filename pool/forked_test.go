package pool_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/mochilang/mochi-pyd/pool"
)

func TestWhatAForkedWorkerLeavesBehindDiesWithIt(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 1}, `
import os, time

def daemonise():
    """By the book: fork, setsid, fork. No exec."""
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(w, str(pid).encode())
            os._exit(0)
        time.sleep(600)
    os.close(w)
    return int(os.read(r, 20))

def die():
    os._exit(1)
`)
	r := s.call("daemonise")
	pid, err := strconv.Atoi(r.result)
	if err != nil {
		t.Fatalf("%s %v", r.result, r.err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatal(err)
	}
	s.call("die")
	s.eventually("the stray is gone", func() bool {
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return true
		}
		// Dead, and to be reaped by a later burial where this one had no time for it.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && bytes.Contains(stat, []byte(") Z "))
	})
}

func TestAForkedWorkerHasTheDescriptorsOfAnExecutedOne(t *testing.T) {
	const source = `
import os

def descriptors():
    held = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            held.append(os.readlink("/proc/self/fd/" + fd).split("[")[0])
        except OSError:
            pass
    return sorted(held)
`
	forked := preloaded(t, pool.Config{Workers: 2}, source)
	forked.ready(2)
	dir := t.TempDir()
	module(t, dir, source)
	executed := serve(t, pool.Config{Name: "own", Workers: 1}, dir)
	want := executed.call("descriptors")
	for range 4 {
		forked.want(forked.call("descriptors"), want.result)
	}
}
