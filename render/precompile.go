package render

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// snapshotName is the module of the runtime that, run as a script, writes what
// every worker imports first into one file (snapshot.py says why).
const snapshotName = "snapshot.py"

// Precompile writes the runtime's bytecode for one interpreter, once: without
// it every start compiles the runtime again where the environment says
// PYTHONDONTWRITEBYTECODE, which costs as much as the bare interpreter does.
//
// The bytecode is never compared with the source: the directory is named by its
// content and is not changed. A failure is no reason not to start workers: they
// start slower.
func (s *Store) Precompile(ctx context.Context, python string) error {
	dir, err := s.putRuntime()
	if err != nil {
		return err
	}
	mark, err := compiledMark(dir, python)
	if err != nil {
		return err
	}
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	for _, args := range [][]string{
		{"-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", filepath.Join(dir, runtimePackage)},
		{filepath.Join(dir, runtimePackage, snapshotName)},
	} {
		// Isolated: the variables and the directory of the daemon have no say in
		// which compileall runs and where it writes.
		cmd := exec.CommandContext(ctx, python, append([]string{"-I"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("render: compiling the worker runtime with %s: %w: %s", python, err, strings.TrimSpace(string(out)))
		}
	}
	if err := os.WriteFile(mark, nil, fileMode); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	return nil
}

// compiledMark names the file that says that python's bytecode is there. An
// interpreter that was replaced by another version is another one.
func compiledMark(dir, python string) (string, error) {
	info, err := os.Stat(python)
	if err != nil {
		return "", fmt.Errorf("render: the interpreter: %w", err)
	}
	id := fmt.Sprintf("%s %d %d", python, info.Size(), info.ModTime().UnixNano())
	return filepath.Join(dir, "compiled-"+digest([]byte(id))), nil
}
