package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheProgramBesideTheDaemonWins finds it there, then on PATH, then not.
func TestTheProgramBesideTheDaemonWins(t *testing.T) {
	here, onPath := t.TempDir(), t.TempDir()
	t.Setenv("PATH", onPath)
	put := func(dir string, mode os.FileMode) string {
		t.Helper()
		file := filepath.Join(dir, Name)
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if _, err := find(here); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("there is none, and the error is %v", err)
	}
	elsewhere := put(onPath, 0o755)
	if got, err := find(here); got != elsewhere || err != nil {
		t.Errorf("on PATH: %q, %v", got, err)
	}
	beside := put(here, 0o755)
	if got, err := find(here); got != beside || err != nil {
		t.Errorf("beside: %q, %v", got, err)
	}
	if err := os.Chmod(beside, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := find(here); err == nil || !strings.Contains(err.Error(), "executable") {
		t.Errorf("what cannot be run gives %v", err)
	}
	if _, err := Find(); err != nil { // the one on PATH: none is beside the test
		t.Errorf("%v", err)
	}
}
