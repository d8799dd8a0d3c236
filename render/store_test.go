package render

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPutIsOneStoreForAnyNumberOfWriters(t *testing.T) {
	dir := t.TempDir()
	s := render(t, shapes["public"])
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			path, err := (&Store{Dir: dir}).Put(s)
			if err != nil {
				t.Error(err)
				return
			}
			if !holds(path, []byte(s.Source)) {
				t.Errorf("%s does not hold the script", path)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), runtimePackage, "worker.py")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 { // the script's directory and the runtime's
		t.Errorf("the writers left something behind: %v", entries)
	}
}

func TestPutIsForTheOwnerAlone(t *testing.T) {
	path, err := (&Store{Dir: t.TempDir()}).Put(render(t, shapes["public"]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		path:               fileMode,
		filepath.Dir(path): os.ModeDir | dirMode,
		filepath.Join(filepath.Dir(path), runtimePackage, "wire.py"): fileMode,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestPutReplacesWhatWasDamaged(t *testing.T) {
	store := &Store{Dir: t.TempDir()}
	s := render(t, shapes["public"])
	path, err := store.Put(s)
	if err != nil {
		t.Fatal(err)
	}
	wire := filepath.Join(filepath.Dir(path), runtimePackage, "wire.py")
	for _, damaged := range []string{path, wire} {
		if err := os.WriteFile(damaged, []byte("import os"), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Put(s); err != nil {
		t.Fatal(err)
	}
	if !holds(path, []byte(s.Source)) {
		t.Error("the damaged script is still there")
	}
	if holds(wire, []byte("import os")) {
		t.Error("the damaged runtime is still there")
	}
}

func TestPutLeavesWhatIsThereAlone(t *testing.T) {
	store := &Store{Dir: t.TempDir()}
	s := render(t, shapes["public"])
	path, err := store.Put(s)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(s); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the second Put wrote the script again")
	}
}

func TestPutSaysWhereItCannotWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, fileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Store{Dir: file}).Put(render(t, shapes["public"])); err == nil {
		t.Error("a store in a regular file was accepted")
	}
}

func TestPutSeesDamageToWhatItHasKnownForLong(t *testing.T) {
	store := &Store{Dir: t.TempDir()}
	s := render(t, shapes["public"])
	path, err := store.Put(s)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	for range 2 { // compared, then known
		if _, err := store.Put(s); err != nil {
			t.Fatal(err)
		}
	}
	damage := strings.Repeat("#", len(s.Source))
	if err := os.WriteFile(path, []byte(damage), fileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(s); err != nil {
		t.Fatal(err)
	}
	if !holds(path, []byte(s.Source)) {
		t.Error("the damaged script is still there")
	}
}

// holds reads the file, and nothing but the file.
func holds(path string, want []byte) bool {
	got, err := os.ReadFile(path)
	return err == nil && bytes.Equal(got, want)
}
