//go:build !linux

package acceptance

import "errors"

// mountSmall would mount a file system of 1 MiB.
func mountSmall(string) (unmount func() error, err error) {
	return nil, errors.New("this kernel has no tmpfs to mount")
}
