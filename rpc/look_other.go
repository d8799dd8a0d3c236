//go:build !linux

package rpc

import "time"

const canLinger = false

func lookAt(_ []int, now time.Time, _ time.Duration) (took time.Time, robbed bool) { return now, false }

func yieldCore() {}
