// Command testsum reads `go test -json` on stdin and prints what a person wants
// of it: a line for each package as it ends, the whole output of what failed,
// and at the very end every skipped test with the reason it gave. A skip
// without a reason is a failure: nobody could tell it from a forgotten test.
//
// It copies the stream to the file that -o names, for whoever wants to look
// into it afterwards.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// event is one line of test2json; only the members that are used here.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build events, which name no Package
	Test       string
	Elapsed    float64
	Output     string
}

// name says which test an event is about; one without a test is about the
// package.
type name struct{ pkg, test string }

func main() {
	out := flag.String("o", "", "copy the stream to this `file`")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintf(os.Stderr, "testsum: %v\n", err)
		os.Exit(1)
	}
}

func run(out string) error {
	var in io.Reader = os.Stdin
	if out != "" {
		f, err := os.Create(out)
		if err != nil {
			return fmt.Errorf("make the copy: %w", err)
		}
		defer f.Close()
		in = io.TeeReader(in, f)
	}
	s := newSummary(os.Stdout)
	if err := s.read(in); err != nil {
		return err
	}
	return s.close()
}

type summary struct {
	to      io.Writer
	started time.Time
	output  map[name]*strings.Builder // of what runs now
	skips   []string
	passed  int
	failed  []string
	pkgs    int
}

func newSummary(to io.Writer) *summary {
	return &summary{to: to, started: time.Now(), output: map[name]*strings.Builder{}}
}

// read takes whole lines of any length: a test may print megabytes.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
	}
}

func (s *summary) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil { // go itself speaking, not a test
		fmt.Fprintf(s.to, "%s", line)
		return
	}
	at := name{e.Package, e.Test}
	switch e.Action {
	case "output":
		if s.output[at] == nil {
			s.output[at] = &strings.Builder{}
		}
		s.output[at].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(s.to, e.Output)
	case "build-fail":
		s.failed = append(s.failed, e.ImportPath+" (does not build)")
	case "pass", "fail", "skip":
		s.ended(at, e)
		delete(s.output, at)
	}
}

// ended is told the outcome of a test, or of a package.
func (s *summary) ended(at name, e event) {
	said := ""
	if b := s.output[at]; b != nil {
		said = b.String()
	}
	switch {
	case at.test == "" && e.Action == "skip":
		fmt.Fprintf(s.to, "  -   %s (no tests)\n", at.pkg)
	case at.test == "":
		s.pkgs++
		verdict := "ok  "
		if e.Action == "fail" {
			verdict = "FAIL"
			fmt.Fprint(s.to, said)
			s.failed = append(s.failed, at.pkg)
		}
		fmt.Fprintf(s.to, "%s  %s  %.1f s\n", verdict, at.pkg, e.Elapsed)
	case e.Action == "pass":
		s.passed++
	case e.Action == "fail":
		fmt.Fprint(s.to, said)
		s.failed = append(s.failed, at.pkg+" "+at.test)
	case e.Action == "skip":
		reason := skipReason(said)
		if reason == "" {
			s.failed = append(s.failed, at.pkg+" "+at.test+" (skipped without saying why)")
			return
		}
		s.skips = append(s.skips, at.test+": "+reason)
	}
}

// skipReason finds what t.Skip printed: the last line that is neither the
// test's own bracketing nor blank, without its file and line.
func skipReason(said string) string {
	reason := ""
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if _, after, found := strings.Cut(line, ".go:"); found {
			_, after, _ = strings.Cut(after, ":")
			line = strings.TrimSpace(after)
		}
		if line != "" {
			reason = line
		}
	}
	return reason
}

// close prints the summary and gives an error when anything failed.
func (s *summary) close() error {
	fmt.Fprintf(s.to, "\n%d packages, %d tests passed, %d failed, %d skipped, %.0f s\n",
		s.pkgs, s.passed, len(s.failed), len(s.skips), time.Since(s.started).Seconds())
	for _, skip := range s.skips {
		fmt.Fprintf(s.to, "  skipped %s\n", skip)
	}
	for _, f := range s.failed {
		fmt.Fprintf(s.to, "  FAILED  %s\n", f)
	}
	if len(s.failed) > 0 {
		return errors.New("see the lines marked FAILED")
	}
	if s.pkgs == 0 {
		return errors.New("no package was tested: did go test start at all?")
	}
	return nil
}
