package acceptance

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// nfpmVariable names the program that makes packages; make test fetches it.
const nfpmVariable = "MOCHI_PYD_TEST_NFPM"

const (
	firstVersion = "v0.1.0"
	nextVersion  = "v0.2.0"
)

// built are directories of packages, each with binaries beside them.
type built struct {
	first string // as make deb rpm makes them
	again string // of the same commit, elsewhere and under other circumstances
	next  string // of a later version, which ships another configuration
}

// packages makes them once, for this machine's architecture.
func packages(t *testing.T) built {
	t.Helper()
	if os.Getenv(nfpmVariable) == "" {
		t.Skipf("%s is not set (make test sets it): no packages were made", nfpmVariable)
	}
	if runtime.GOOS != "linux" {
		t.Skip("packages are for Linux")
	}
	b, err := makePackages()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var makePackages = sync.OnceValues(func() (b built, err error) {
	const tree = "../.." // go test runs a test in its package
	dir := filepath.Join(filepath.Dir(binary), "packages")
	b = built{first: filepath.Join(dir, "first"), again: filepath.Join(dir, "again"), next: filepath.Join(dir, "next")}
	seconds, err := exec.CommandContext(context.Background(), "git", "-C", tree, "log", "-1", "--format=%ct").Output()
	if err != nil {
		return b, fmt.Errorf("the commit's time: %w", err)
	}
	if err := makePackage(tree, firstVersion, b.first); err != nil {
		return b, err
	}
	// Another place, another time, another hour of the day, another machine,
	// another user's habits.
	elsewhere := filepath.Join(dir, "a copy elsewhere")
	if err := copyTree(tree, elsewhere); err != nil {
		return b, err
	}
	other := []string{"sh", "-c", `umask 077 && exec "$@"`, "sh"}
	if os.Geteuid() == 0 {
		other = []string{"unshare", "--uts", "sh", "-c", `umask 077 && hostname elsewhere && exec "$@"`, "sh"}
	}
	env := []string{"SOURCE_DATE_EPOCH=" + strings.TrimSpace(string(seconds)), "TZ=Pacific/Chatham", "LC_ALL=C", "USER=somebody", "GOFLAGS=-v"}
	if err := makePackage(elsewhere, firstVersion, b.again, append([]string{"env"}, append(env, other...)...)...); err != nil {
		return b, err
	}
	config := filepath.Join(elsewhere, "deploy", "config.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		return b, err
	}
	if err := os.WriteFile(config, append(text, "# of the next version\n"...), 0o600); err != nil {
		return b, err
	}
	return b, makePackage(elsewhere, nextVersion, b.next)
})

// makePackage runs the script that make deb rpm runs, by way of a command.
func makePackage(tree, version, out string, by ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	args := append(by, "scripts/package.sh", os.Getenv(nfpmVariable), version, out, "deb", "rpm") //nolint:gocritic // by is ours
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "ARCHITECTURES="+runtime.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("scripts/package.sh in %s: %w\n%s", tree, err, said)
	}
	return nil
}

// copyTree copies what git knows, or would; each file gets another time.
func copyTree(from, to string) error {
	names, err := exec.CommandContext(context.Background(), "git", "-C", from, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		source, target := filepath.Join(from, name), filepath.Join(to, name)
		info, err := os.Lstat(source)
		if err != nil || !info.Mode().IsRegular() { // deleted and not yet committed
			continue
		}
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(target, text, info.Mode().Perm()); err != nil {
			return err
		}
		then := time.Unix(int64(1_000_000_000+len(text)), 0)
		if err := os.Chtimes(target, then, then); err != nil {
			return err
		}
	}
	return nil
}

// packageIn is the one package of a format in a directory.
func packageIn(t *testing.T, dir, format string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*."+format))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d packages of format %s in %s: %v", len(found), format, dir, err)
	}
	return found[0]
}

// TestTheSameCommitGivesTheSameBytes: packages and binaries that were made in
// another directory, at another time, on a machine of another name, by a user
// with another umask and time zone.
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	b := packages(t)
	compared := 0
	err := filepath.WalkDir(b.first, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inner, err := filepath.Rel(b.first, name)
		if err != nil {
			return err
		}
		one, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		two, err := os.ReadFile(filepath.Join(b.again, inner))
		if err != nil {
			return err
		}
		compared++
		if !bytes.Equal(one, two) {
			t.Errorf("%s is %d bytes here and %d there, and not the same", inner, len(one), len(two))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if compared < 5 { // two packages, three binaries
		t.Errorf("%d files were compared", compared)
	}
}

// TestTheShippedBinariesAreStatic: they run on any distribution, and in an image
// that has nothing. The one that loads an interpreter's library cannot be.
func TestTheShippedBinariesAreStatic(t *testing.T) {
	dir := filepath.Join(packages(t).first, "linux-"+runtime.GOARCH)
	for _, name := range []string{"mochi-pyd", "mochi-pyd-python3"} {
		f, err := elf.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s has a segment %s", name, p.Type)
			}
		}
	}
}
