package rpc

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suiteDir is the public JSON parsing suite: it lies beside the repository, not
// in it.
const suiteDir = "../../shared/jsontestsuite"

func suite(t *testing.T) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(suiteDir, "*.json"))
	if len(files) == 0 {
		t.Skipf("the JSON parsing suite is not there: put it into %s to run this test", suiteDir)
	}
	all := make(map[string][]byte, len(files))
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = raw
	}
	return all
}

func sortedNames(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Every y_ file is accepted as an argument and comes back byte for byte, every
// n_ file is refused, every i_ file is answered either way.
func TestJSONSuiteAsParams(t *testing.T) {
	files := suite(t)
	s := serveTest(t, Limits{})
	h := s.dial(t)
	valid := 0
	for _, name := range sortedNames(files) {
		file := strings.NewReplacer("\n", " ", "\r", " ").Replace(string(files[name]))
		h.send(`{"jsonrpc":"2.0","id":1,"method":"echo","params":[` + file + `]}`)
		a := h.answer()
		switch name[0] {
		case 'y':
			if string(a.Result) != "["+file+"]" {
				t.Errorf("%s: got %.100s, %v", name, a.Result, a.Error)
			}
		case 'n':
			if a.Error == nil {
				valid++
				t.Logf("%s is valid once embedded: %s", name, a.Result)
			} else if a.Error.Code != CodeParseError || string(a.ID) != "null" {
				t.Errorf("%s: id %s, %v", name, a.ID, a.Error)
			}
		}
		h.ping()
	}
	if valid != 3 {
		t.Errorf("%d n_ files were accepted; embedding makes exactly 3 valid", valid)
	}
}

// Each file's lines as they are, on one connection: one answer for each line
// that is not blank, and it lives through all of them.
func TestJSONSuiteAsRawLines(t *testing.T) {
	files := suite(t)
	s := serveTest(t, Limits{})
	h := s.dial(t)
	for _, name := range sortedNames(files) {
		want := 0
		for line := range bytes.SplitSeq(files[name], []byte{'\n'}) {
			if !blank(line) {
				want++
			}
		}
		if _, err := h.Write(append(slices.Clone(files[name]), '\n')); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range want {
			h.answerLine(name)
		}
	}
	h.ping()
	h.CloseWrite()
	if rest, err := io.ReadAll(h.in); err != nil || len(rest) > 0 {
		t.Errorf("%.100q %v", rest, err)
	}
}

// answerLine reads one response, or an array of them.
func (h *host) answerLine(name string) {
	h.t.Helper()
	line := h.line()
	if strings.HasPrefix(line, "[") {
		var all []json.RawMessage
		if err := json.Unmarshal([]byte(line), &all); err != nil || len(all) == 0 {
			h.t.Errorf("%s: %.100q", name, line)
		}
		return
	}
	if a := parseAnswer(h.t, line); a.Error == nil {
		h.t.Errorf("%s: accepted: %.100s", name, line)
	}
}
