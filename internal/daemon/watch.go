package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/mochilang/mochi-pyd/internal/python"
)

// In dev mode a pool is reloaded when a source file of it changes. Which files
// a worker has loaded only it knows, and what it loads next not even it; so
// what is watched is where its modules are looked for, the pool's python-path
// and PYTHONPATH and its current directory, and every *.py below. A pool whose
// module is not found there, math or numpy, has nothing to be reloaded for.

const (
	// devQuiet is how long the files must be left alone: editors write in
	// several steps, and a version control system writes many files.
	devQuiet = 100 * time.Millisecond
	// maxWatched bounds the directories watched, the nearest first: the current
	// directory may be somebody's home.
	maxWatched = 1024
	// maxChanged bounds the files kept until it is quiet; more are a change of
	// everything.
	maxChanged = 1024
)

// watcher is the goroutine that watches; everything in it is its own.
type watcher struct {
	d       *Daemon
	files   *fsnotify.Watcher
	watched map[string]bool // directories
	full    bool            // there were more than maxWatched
	changed map[string]bool // files, since it was last quiet
	all     bool            // any file may have changed
	rolling map[*served]context.CancelFunc
}

// watch runs until ctx ends.
func (d *Daemon) watch(ctx context.Context) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		d.log.Error("source files cannot be watched: reload by hand", "event", "watch_failed", "error", err.Error())
		return
	}
	defer files.Close()
	w := &watcher{
		d: d, files: files, watched: map[string]bool{}, changed: map[string]bool{},
		rolling: map[*served]context.CancelFunc{},
	}
	quiet := time.NewTimer(devQuiet)
	defer quiet.Stop()
	w.look()
	for {
		select {
		case <-ctx.Done():
			for _, cancel := range w.rolling {
				cancel()
			}
			return
		case <-d.routed:
			w.look()
			continue
		case e := <-files.Events:
			if !w.note(e) {
				continue
			}
		case err := <-files.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				d.log.Warn("a source file may have changed unseen", "event", "watch_failed", "error", err.Error())
			}
			w.all = true
		case <-quiet.C:
			w.reload(ctx)
			continue
		}
		quiet.Reset(devQuiet)
	}
}

// look watches what the pools there are now need.
func (w *watcher) look() {
	for _, s := range w.d.pools.now.Load().all {
		for _, root := range w.d.sourceRoots(s) {
			w.add(root)
		}
	}
	for s, cancel := range w.rolling {
		if !slices.Contains(w.d.pools.now.Load().all, s) {
			cancel()
			delete(w.rolling, s)
		}
	}
}

// add watches a directory and those below it, nearest first, and gives the
// sources in those that were not watched before.
func (w *watcher) add(root string) (sources []string) {
	for todo := []string{root}; len(todo) > 0; todo = todo[1:] {
		dir := todo[0]
		if w.watched[dir] {
			continue
		}
		if len(w.watched) >= maxWatched {
			if !w.full {
				w.full = true
				w.d.log.Warn("too many directories to watch them all: serve from the directory of the sources", "event", "watch_full", "path", root, "limit", maxWatched)
			}
			return sources
		}
		if err := w.files.Add(dir); err != nil {
			if !errors.Is(err, os.ErrNotExist) {
				w.d.log.Warn("a directory cannot be watched", "event", "watch_failed", "path", dir, "error", err.Error())
			}
			continue
		}
		w.watched[dir] = true
		entries, err := os.ReadDir(dir) // after Add: what appears in between is seen twice and not never
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			switch {
			case e.IsDir() && holdsSources(path):
				todo = append(todo, path)
			case isSource(path):
				sources = append(sources, path)
			}
		}
	}
	return sources
}

func isSource(path string) bool { return strings.HasSuffix(path, ".py") }

// holdsSources leaves out what nobody edits: caches, hidden directories, and
// virtual environments.
func holdsSources(dir string) bool {
	name := filepath.Base(dir)
	if strings.HasPrefix(name, ".") || slices.Contains([]string{"__pycache__", "site-packages", "node_modules"}, name) {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, "pyvenv.cfg"))
	return err != nil
}

// note takes an event in; false when it changes no source.
func (w *watcher) note(e fsnotify.Event) bool {
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		delete(w.watched, e.Name)
	}
	if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Write) && !e.Has(fsnotify.Remove) && !e.Has(fsnotify.Rename) {
		return false
	}
	changed := []string{e.Name}
	if info, err := os.Lstat(e.Name); err == nil && info.IsDir() {
		if !holdsSources(e.Name) {
			return false
		}
		changed = w.add(e.Name)
	}
	sources := false
	for _, path := range changed {
		if !isSource(path) {
			continue
		}
		sources = true
		if len(w.changed) >= maxChanged {
			w.all = true
			break
		}
		w.changed[path] = true
	}
	return sources
}

// reload reloads the pools concerned. One that is being reloaded is reloaded
// again: its new workers may have read the old file.
func (w *watcher) reload(ctx context.Context) {
	changed, all := w.changed, w.all
	w.changed, w.all = map[string]bool{}, false
	if len(changed) == 0 && !all {
		return
	}
	for _, s := range w.d.pools.now.Load().all {
		roots := w.d.sourceRoots(s)
		if !ownCode(s, roots) || !all && !anyBelow(changed, roots) {
			continue
		}
		if cancel := w.rolling[s]; cancel != nil {
			cancel()
		}
		var one context.Context
		one, w.rolling[s] = context.WithCancel(ctx)
		w.d.work.Go(func() { _, _ = w.d.reloadPool(one, s) }) // told in the log
	}
}

func anyBelow(files map[string]bool, roots []string) bool {
	for file := range files {
		for _, root := range roots {
			if strings.HasPrefix(file, strings.TrimSuffix(root, "/")+"/") {
				return true
			}
		}
	}
	return false
}

// sourceRoots are the directories in which a pool's workers look for its
// modules before the interpreter's own.
func (d *Daemon) sourceRoots(s *served) []string {
	here := s.settings().Cwd
	if here == "" {
		here, _ = os.Getwd() // without one there is nothing to watch in it
	}
	env := python.Environ{
		Daemon: d.opt.Environ, Inherit: d.config().File == "",
		Env: s.settings().Env, PythonPath: s.settings().PythonPath,
	}.Build()
	var roots []string
	for _, dir := range append([]string{here}, filepath.SplitList(environ(env, "PYTHONPATH"))...) {
		if dir == "" {
			continue
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(here, dir)
		}
		if dir = filepath.Clean(dir); !slices.Contains(roots, dir) {
			roots = append(roots, dir)
		}
	}
	return roots
}

// ownCode says that a module of the pool is found below its roots, and is not
// the interpreter's.
func ownCode(s *served, roots []string) bool {
	for _, module := range workerOptions(*s.settings()).Modules {
		top, _, _ := strings.Cut(module, ".")
		for _, root := range roots {
			for _, name := range []string{top + ".py", top} {
				if _, err := os.Stat(filepath.Join(root, name)); err == nil {
					return true
				}
			}
		}
	}
	return false
}

// devEnv is what a worker gets in dev mode. A compilation in the cache is told
// from its source by size and whole seconds: one that is saved twice within a
// second would go on being served as it was first.
func devEnv(env []string) []string {
	return append(env, dontWriteBytecode+"=1")
}

const dontWriteBytecode = "PYTHONDONTWRITEBYTECODE"
