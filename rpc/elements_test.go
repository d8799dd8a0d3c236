package rpc

import (
	"fmt"
	"strings"
	"testing"
)

func TestElementsAreTheBytesOfAnArraysValues(t *testing.T) {
	for _, test := range []struct {
		array, want string
		n           int
	}{
		{`[]`, "", 0},
		{` [ ] `, "", 0},
		{`["math","sqrt",[2]]`, `"math" "sqrt" [2]`, 3},
		{" [ 1 ,\t{\"a\":[1,2]} , \"x,]\" ] ", `1 {"a":[1,2]} "x,]"`, 3},
		{`[1,2,3,4]`, `1 2 3`, 4},
		{`[1,2,3,4,5,6]`, `1 2 3`, 4},
	} {
		var into [3][]byte
		n, ok := Elements([]byte(test.array), into[:])
		got := strings.TrimSpace(fmt.Sprintf("%s %s %s", into[0], into[1], into[2]))
		if !ok || n != test.n || got != test.want {
			t.Errorf("%s: %d %v %q", test.array, n, ok, got)
		}
	}
	for _, other := range []string{``, `{}`, `"[]"`, `null`, `7`} {
		if _, ok := Elements([]byte(other), make([][]byte, 1)); ok {
			t.Errorf("%q was taken for an array", other)
		}
	}
}

func TestPlainTextIsOnlyWhatNeedsNoUnquoting(t *testing.T) {
	if text, ok := PlainText([]byte(`"math é"`)); !ok || string(text) != "math é" {
		t.Errorf("%q %v", text, ok)
	}
	for _, other := range []string{``, `"`, `7`, `null`, `"a\n"`, `"\u0041"`} {
		if text, ok := PlainText([]byte(other)); ok {
			t.Errorf("%q was taken for %q", other, text)
		}
	}
}
