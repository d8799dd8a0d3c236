package acceptance

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// theFaults are the rows of the fault table.
const theFaults = 18

var (
	goTest  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	pyTest  = regexp.MustCompile(`(?m)^def (test_\w+)\(`)
	mention = regexp.MustCompile("`(\\w[\\w-]*)\\.((?:Test|Fuzz|test_)\\w+|\\w+\\.txtar)`")
	row     = regexp.MustCompile(`(?m)^\| ([A-Z][\w-]*) \|`)
)

// TestTheFaultMapNamesTestsThatExist keeps FAULTS.md true: each of the table's
// rows once, and no test that is not there.
func TestTheFaultMapNamesTestsThatExist(t *testing.T) {
	if rows := readMap(t, "FAULTS.md"); rows != theFaults {
		t.Errorf("FAULTS.md has %d rows, the table has %d", rows, theFaults)
	}
}

// TestTheOperatorsMapNamesTestsThatExist does the same for OPERATIONS.md.
func TestTheOperatorsMapNamesTestsThatExist(t *testing.T) {
	if rows := readMap(t, "OPERATIONS.md"); rows == 0 {
		t.Error("OPERATIONS.md has no row")
	}
}

// readMap holds a map to the tree and gives the number of its rows: each is there
// once and names tests, and each of them exists.
func readMap(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	known := testsOfTheTree(t, filepath.Join("..", ".."))
	for _, m := range mention.FindAllStringSubmatch(string(text), -1) {
		if !known[m[1]+"."+m[2]] {
			t.Errorf("%s names %s of %s, which is not there", file, m[2], m[1])
		}
	}
	rows := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if m := row.FindStringSubmatch(line); m != nil {
			rows[m[1]]++
			if !mention.MatchString(line) {
				t.Errorf("a row of %s names no test: %.60s", file, line)
			}
		}
	}
	for name, times := range rows {
		if times > 1 {
			t.Errorf("row %s of %s is there %d times", name, file, times)
		}
	}
	return len(rows)
}

// testsOfTheTree are all tests, as directory.name; a testscript is one by its file.
func testsOfTheTree(t *testing.T, root string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && strings.HasPrefix(name, ".") && len(strings.Trim(name, ".")) > 0 {
			return fs.SkipDir
		}
		dir := path.Base(filepath.ToSlash(filepath.Dir(file)))
		if strings.HasSuffix(name, ".txtar") {
			known[dir+"."+name] = true
			return nil
		}
		pattern := goTest
		if strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py") {
			pattern = pyTest
		} else if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if pattern == pyTest {
			dir = "runtime" // its tests are all in one place
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			known[dir+"."+m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}
