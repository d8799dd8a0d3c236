//go:build !linux

package sock

import "golang.org/x/sys/unix"

// deviceOf: a device's number has other types elsewhere.
func deviceOf(st *unix.Stat_t) uint64 { return uint64(st.Dev) }
