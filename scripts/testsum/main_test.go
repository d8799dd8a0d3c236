package main

import (
	"strings"
	"testing"
)

func TestSkipWithoutAReasonFails(t *testing.T) {
	var out strings.Builder
	s := newSummary(&out)
	for _, line := range []string{
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: no node here\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: \n"}`,
		`{"Action":"skip","Package":"p","Test":"TestB"}`,
		`{"Action":"pass","Package":"p","Elapsed":0.5}`,
	} {
		s.line([]byte(line))
	}
	if err := s.close(); err == nil {
		t.Error("a test that skips without a word must fail the run")
	}
	for _, want := range []string{"skipped TestA: no node here", "FAILED  p TestB (skipped without saying why)", "1 packages, 0 tests passed, 1 failed, 1 skipped"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
}

func TestFailureIsShownWithItsOutput(t *testing.T) {
	var out strings.Builder
	s := newSummary(&out)
	for _, line := range []string{
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: got 1, want 2\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\n"}`,
		`{"Action":"fail","Package":"p"}`,
	} {
		s.line([]byte(line))
	}
	if err := s.close(); err == nil {
		t.Error("a failed test must fail the run")
	}
	if !strings.Contains(out.String(), "got 1, want 2") {
		t.Errorf("the failure's words are lost:\n%s", out.String())
	}
}

func TestARunOfNothingFails(t *testing.T) {
	if err := newSummary(&strings.Builder{}).close(); err == nil {
		t.Error("a stream without a package means that go test did not run")
	}
}
