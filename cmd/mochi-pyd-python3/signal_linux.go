package main

import (
	"encoding/json"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// signalOf reads the name of a signal, as in "SIGSEGV"; 0 when there was none.
func signalOf(raw json.RawMessage) syscall.Signal {
	var name string
	if json.Unmarshal(raw, &name) != nil {
		return 0
	}
	return unix.SignalNum(name)
}

// becomeKillable takes Go's own handler away, which would print the goroutines
// and exit with 2. os/signal cannot: it leaves the faults to the runtime.
func becomeKillable(sig syscall.Signal) {
	var byDefault [4]uintptr // handler SIG_DFL, no flags, no restorer, an empty mask
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
}
