package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asGood are the files for other kernels that lack nothing a user could notice:
// the same by other means, slower by microseconds, or a sentence less.
var asGood = []string{
	"cmd/mochi-pyd/doctor_other.go",
	"cmd/mochi-pyd-embedded/dup_other.go",
	"cmd/mochi-pyd-python3/signal_other.go",
	"internal/acceptance/mount_other_test.go",
	"internal/sock/nobody_other_test.go",
	"internal/daemon/peer_other.go", // Darwin has its own
	"internal/sock/device_other.go",
	"rpc/block_other.go",
	"rpc/look_other.go",
	"rpc/try_other.go",
	"supervisor/board_other.go",
}

// TestDoctorNamesWhatAnotherKernelLacks, one line each, with what to do about it.
func TestDoctorNamesWhatAnotherKernelLacks(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	d := &doctor{app: &app{out: out}}
	d.lacks("darwin")
	if err := d.report(""); err != nil {
		t.Fatalf("what a kernel lacks is a warning, and this is %v", err)
	}
	raw, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, want := range []string{"parent's death", "pipe's end", "subreaper", "realtime signals", "cgroups", "preload"} {
		if !strings.Contains(text, want) {
			t.Errorf("doctor does not name: %s\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "darwin") && !strings.Contains(line, "→ run it on Linux") {
			t.Errorf("a line is neither a lack nor a way out: %q", line)
		}
	}
}

// TestEachPlaceWhereAnotherKernelDiffersIsJudged: a file for kernels other than
// Linux is either behind something that doctor names, or as good.
func TestEachPlaceWhereAnotherKernelDiffersIsJudged(t *testing.T) {
	judged := slices.Clone(asGood)
	for _, l := range elsewhere {
		judged = append(judged, l.files...)
	}
	const root = "../.."
	there := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := entry.Name(); entry.IsDir() && strings.HasPrefix(base, ".") && strings.Trim(base, ".") != "" {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, "_other.go") && !strings.HasSuffix(name, "_other_test.go") {
			return nil
		}
		inner, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		there[filepath.ToSlash(inner)] = true
		if !slices.Contains(judged, filepath.ToSlash(inner)) {
			t.Errorf("%s: say in doctor_lacks.go what is missing there, or here that nothing is", inner)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range judged {
		if !there[name] {
			t.Errorf("%s is judged and not there", name)
		}
	}
}
