package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	// realVariable names the real interpreter.
	realVariable = "MOCHI_PYD_PYTHON"
	// guardVariable holds the number of the process that became the real
	// interpreter. Becoming another program keeps the number: who finds its own
	// there has been started as the "real" one.
	guardVariable = "MOCHI_PYD_STANDIN"
)

// becomeReal replaces this process with the real interpreter. It comes back only
// when there is none.
func becomeReal(args []string) error {
	own := strconv.Itoa(os.Getpid())
	if os.Getenv(guardVariable) == own {
		return fmt.Errorf("%s names this program itself: it must name the real interpreter", realVariable)
	}
	path, err := realPath()
	if err != nil {
		return err
	}
	// The first of two variables of one name would be the one that counts.
	environ := slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, guardVariable+"=") })
	err = syscall.Exec(path, append([]string{path}, args...), append(environ, guardVariable+"="+own))
	return fmt.Errorf("%s cannot be started: %w", path, err)
}

// realPath is what the variable names, else the first python3 on PATH that is
// not this program.
func realPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	me, err := os.Stat(self)
	if err != nil {
		return "", err
	}
	candidates := []string{os.Getenv(realVariable)}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		candidates = append(candidates, filepath.Join(dir, "python3"))
	}
	for _, path := range candidates {
		info, err := os.Stat(path)
		if err != nil || !filepath.IsAbs(path) || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 || os.SameFile(info, me) {
			continue
		}
		return path, nil
	}
	return "", errors.New("there is no python3 on PATH but this stand-in: install one, or name one in " + realVariable)
}
