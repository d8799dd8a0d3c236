package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// lookAsRoot is the way on where we see too little to say more.
const lookAsRoot = "look again as root: sudo mochi-pyd doctor"

// maxLinks is how many links the kernel follows, too.
const maxLinks = 40

// blocked is the place on the way to a file where a user cannot go on.
type blocked struct {
	path string
	why  string
	fix  string
}

func (b *blocked) Error() string { return b.path + " " + b.why }

// walk goes the way to a program as the kernel would for a user, link by link and
// directory by directory, and gives the places that links led it to. Rejected:
// trying to run it and reading EACCES, which does not say where.
func (v visitor) walk(path string) (stations []string, err error) {
	stations = []string{path}
	at, rest := "/", splitPath(path)
	for links := 0; len(rest) > 0; {
		dir, err := os.Stat(at)
		if err != nil {
			return stations, &blocked{at, "cannot be looked at: " + rootText(err), lookAsRoot}
		}
		if !v.may(dir, 0o1) {
			return stations, &blocked{at, fmt.Sprintf("may not be entered by %s (it is %s)", v.name, dir.Mode()), "chmod o+x " + at + ", or install the interpreter where everybody may go"}
		}
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return stations, &blocked{next, "is not there", "install the interpreter, or give python the path of another one"}
		case err != nil:
			return stations, &blocked{next, "cannot be looked at: " + rootText(err), lookAsRoot}
		}
		rest = rest[1:]
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return stations, &blocked{next, "is a link that leads round in a circle", "remove the link"}
		}
		to, err := os.Readlink(next)
		if err != nil {
			return stations, &blocked{next, "cannot be read: " + rootText(err), lookAsRoot}
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(at, to)
		}
		at, rest = "/", append(splitPath(to), rest...)
		stations = append(stations, filepath.Join("/", filepath.Join(rest...)))
	}
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return stations, &blocked{at, "cannot be looked at: " + rootText(err), lookAsRoot}
	case !info.Mode().IsRegular():
		return stations, &blocked{at, "is no program", "give python the path of an interpreter"}
	case !v.may(info, 0o1):
		return stations, &blocked{at, fmt.Sprintf("may not be executed by %s (it is %s)", v.name, info.Mode()), "chmod +x " + at}
	}
	return stations, nil
}

func splitPath(path string) []string {
	return slices.DeleteFunc(strings.Split(filepath.Clean(path), "/"), func(s string) bool { return s == "" })
}

func rootText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// may says whether the permission bits let the user do something: 4 reads, 2
// writes, 1 executes or enters.
func (v visitor) may(info fs.FileInfo, bit fs.FileMode) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case v.uid == 0:
		return bit != 0o1 || info.IsDir() || mode&0o111 != 0
	case !ok:
		return mode&bit != 0
	case int(st.Uid) == v.uid:
		return mode&(bit<<6) != 0
	case int(st.Gid) == v.gid || slices.Contains(v.groups, int(st.Gid)):
		return mode&(bit<<3) != 0
	}
	return mode&bit != 0
}
