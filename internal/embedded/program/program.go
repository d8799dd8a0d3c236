// Package program finds mochi-pyd-embedded, the program that embeds an
// interpreter, without linking what makes that program dynamic: the daemon,
// which is static, may import this.
package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Name is what the program is called.
const Name = "mochi-pyd-embedded"

// Find gives the path of the program: beside the running one, where make and
// packages put it, else on PATH.
func Find() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find out where this program is: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", fmt.Errorf("find out where this program is: %w", err)
	}
	return find(filepath.Dir(self))
}

func find(dir string) (string, error) {
	beside := filepath.Join(dir, Name)
	info, err := os.Stat(beside)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0:
		return beside, nil
	case err == nil:
		return "", fmt.Errorf("%s cannot be run: make it executable, or install it again", beside)
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("look for %s: %w", Name, err)
	}
	if path, err := exec.LookPath(Name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("there is no %s in %s or on PATH: install it there (make build makes it), or use worker processes, which need none", Name, dir)
}
