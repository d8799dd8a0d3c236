package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// scriptName is the file a worker is started from, and by `python3 -m
// mochi_worker` the module.
const scriptName = "mochi_worker.py"

// Modes of what is written: a worker runs as the user who owns the store, and
// what it executes is nobody else's to write or to read.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// placeAttempts bounds how often a damaged copy is moved away: one that comes
// back as often is somebody's work.
const placeAttempts = 5

// Store keeps rendered scripts on disk, each under its digest, beside one copy
// of the runtime:
//
//	DIR/<digest>/mochi_worker.py
//	DIR/<digest>/mochi_pyd          → ../runtime-<digest>/mochi_pyd
//	DIR/runtime-<digest>/mochi_pyd/…
//
// A directory appears whole, by a rename, and is not changed after that; so any
// number of processes may put into one store at once. What is found there is
// compared before it is used: a file that differs is replaced.
//
// Every spawn asks for its script, so a file that was compared is remembered by
// its size, its time and its identity: reading twenty files again would cost a
// respawn half a millisecond.
type Store struct {
	Dir string

	mu   sync.Mutex
	seen map[string]sighting
}

// sighting is a file as it was when it was found to hold source.
type sighting struct {
	info   os.FileInfo
	source []byte
}

// settled is how old a file must be to be known again by its time: one that was
// written a moment ago may be written again within the same tick of the clock.
const settled = time.Second

// Put makes sure that the script and the runtime are in the store and gives
// the path of mochi_worker.py.
func (s *Store) Put(script Script) (string, error) {
	runtimeDir, err := s.putRuntime()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.Dir, script.Digest)
	target := filepath.Join("..", filepath.Base(runtimeDir), runtimePackage)
	intact := func() bool {
		link, err := os.Readlink(filepath.Join(dir, runtimePackage))
		return err == nil && link == target && s.holds(filepath.Join(dir, scriptName), []byte(script.Source))
	}
	err = s.place(dir, intact, func(tmp string) error {
		if err := os.WriteFile(filepath.Join(tmp, scriptName), []byte(script.Source), fileMode); err != nil {
			return err
		}
		return os.Symlink(target, filepath.Join(tmp, runtimePackage))
	})
	if err != nil {
		return "", fmt.Errorf("render: storing the worker script: %w", err)
	}
	return filepath.Join(dir, scriptName), nil
}

// putRuntime makes sure that the runtime is in the store and gives the
// directory that holds mochi_pyd.
func (s *Store) putRuntime() (string, error) {
	dir := filepath.Join(s.Dir, "runtime-"+RuntimeDigest())
	files := runtimeSources()
	intact := func() bool {
		for _, f := range files {
			if !s.holds(filepath.Join(dir, runtimePackage, f.name), f.source) {
				return false
			}
		}
		return true
	}
	err := s.place(dir, intact, func(tmp string) error { return writeRuntime(tmp) })
	if err != nil {
		return "", fmt.Errorf("render: storing the worker runtime: %w", err)
	}
	return dir, nil
}

// place makes dir with fill, unless an intact one is there.
func (s *Store) place(dir string, intact func() bool, fill func(tmp string) error) error {
	if intact() {
		return nil
	}
	if err := os.MkdirAll(s.Dir, dirMode); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(s.Dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // what is left of it: nothing once it was renamed
	if err := fill(tmp); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := os.Rename(tmp, dir)
		if err == nil || intact() { // another process was first
			return nil
		}
		if !errors.Is(err, fs.ErrExist) || attempt == placeAttempts {
			return err
		}
		// Something else is there: a damaged copy. It is moved away before it
		// is deleted, so that nobody sees it half gone.
		old, oldErr := os.MkdirTemp(s.Dir, ".old-*")
		if oldErr != nil {
			return oldErr
		}
		err = os.Rename(dir, filepath.Join(old, "x"))
		os.RemoveAll(old)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// holds says that the file is there and holds want.
func (s *Store) holds(path string, want []byte) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[path].still(info, want) {
		return true
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		return false
	}
	if time.Since(info.ModTime()) > settled {
		if s.seen == nil {
			s.seen = make(map[string]sighting)
		}
		s.seen[path] = sighting{info, want}
	}
	return true
}

// still says that the file has not been touched, and is to hold the same.
func (s sighting) still(now os.FileInfo, want []byte) bool {
	return s.info != nil && os.SameFile(s.info, now) && s.info.Size() == now.Size() &&
		s.info.ModTime().Equal(now.ModTime()) && bytes.Equal(s.source, want)
}

// writeRuntime writes mochi_pyd into dir.
func writeRuntime(dir string) error {
	dir = filepath.Join(dir, runtimePackage)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	for _, f := range runtimeSources() {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.source, fileMode); err != nil {
			return err
		}
	}
	return nil
}

// Write puts the script and the runtime into dir, where
// `python3 -m mochi_worker` then serves on stdin and stdout.
func Write(dir string, script Script) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, scriptName), []byte(script.Source), 0o644); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	if err := writeRuntime(dir); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	return nil
}
