//go:build unix && !linux

package supervisor

import "os"

// sharedMemory is a temporary file that has lost its name at once.
func sharedMemory(string) (*os.File, error) {
	f, err := os.CreateTemp("", "mochi-pyd-board-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
