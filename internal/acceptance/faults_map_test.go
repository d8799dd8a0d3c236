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

// theRows are those of the fault table.
const theRows = 18

var (
	goTest  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	pyTest  = regexp.MustCompile(`(?m)^def (test_\w+)\(`)
	mention = regexp.MustCompile("`(\\w[\\w-]*)\\.((?:Test|Fuzz|test_)\\w+)`")
	row     = regexp.MustCompile(`(?m)^\| F(\d+) \|`)
)

// TestTheFaultMapNamesTestsThatExist keeps FAULTS.md true: each of the table's
// rows once, and no test that is not there.
func TestTheFaultMapNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	known := testsOfTheTree(t, filepath.Join("..", ".."))
	named := mention.FindAllStringSubmatch(string(text), -1)
	for _, m := range named {
		if !known[m[1]+"."+m[2]] {
			t.Errorf("FAULTS.md names %s of %s, which is not there", m[2], m[1])
		}
	}
	if len(named) < theRows {
		t.Errorf("FAULTS.md names %d tests for %d rows", len(named), theRows)
	}
	rows := map[string]int{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		rows[m[1]]++
	}
	if len(rows) != theRows {
		t.Errorf("FAULTS.md has %d rows, the table has %d", len(rows), theRows)
	}
	for n, times := range rows {
		if times > 1 {
			t.Errorf("row F%s is there %d times", n, times)
		}
	}
	for line := range strings.Lines(string(text)) {
		if row.MatchString(line) && !mention.MatchString(line) {
			t.Errorf("a row names no test: %.60s", line)
		}
	}
}

// testsOfTheTree are all tests, as directory.name.
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
		dir := path.Base(filepath.ToSlash(filepath.Dir(file)))
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
