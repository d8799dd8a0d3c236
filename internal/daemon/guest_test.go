package daemon

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestAFailedImportLeavesTheNameAsItWas(t *testing.T) {
	d := start(t, "", nil)
	c := dial(t, d.host)
	call(t, c, "mochi.import", object{"module": "math", "as": "m"})
	for range 2 {
		refused(t, c, rpc.KindImportFailed, "nosuch_module", "mochi.import", object{"module": "nosuch_module", "as": "m"})
	}
	if got := call(t, c, "m.sqrt", list{9}); got != "3.0" {
		t.Errorf("m.sqrt = %s", got)
	}
	call(t, c, "mochi.import", object{"module": "os.path", "as": "m"})
	if got := call(t, c, "m.basename", list{"a/b"}); got != `"b"` {
		t.Errorf("m.basename = %s", got)
	}
}

// TestImportsOfOneNameMayEndInAnyOrder: two failed ones leave what was before
// them, and a release in between leaves nothing.
func TestImportsOfOneNameMayEndInAnyOrder(t *testing.T) {
	meaning := func(g *guest) string {
		module, _, _ := g.find("m")
		return module
	}
	begin := func() (g *guest, one, two *alias) {
		g, one, two = &guest{}, &alias{module: "one"}, &alias{module: "two"}
		for _, a := range []*alias{{module: "works"}, one, two} {
			if err := g.name("m", a, 1); err != nil {
				t.Fatal(err)
			}
		}
		return g, one, two
	}
	for _, test := range []struct {
		what, want string
		end        func(g *guest, one, two *alias)
	}{
		{"both fail in order", "works", func(g *guest, one, two *alias) { g.undo("m", one); g.undo("m", two) }},
		{"both fail backwards", "works", func(g *guest, one, two *alias) { g.undo("m", two); g.undo("m", one) }},
		{"the first works", "one", func(g *guest, one, two *alias) { g.keep(one); g.undo("m", two) }},
		{"the second works", "two", func(g *guest, one, two *alias) { g.undo("m", one); g.keep(two) }},
		{"released meanwhile", "", func(g *guest, one, two *alias) { g.release("m"); g.undo("m", one); g.undo("m", two) }},
		{"what was before is released", "", func(g *guest, one, two *alias) { g.release("works"); g.undo("m", one); g.undo("m", two) }},
	} {
		g, one, two := begin()
		test.end(g, one, two)
		if got := meaning(g); got != test.want {
			t.Errorf("%s: m is %q, want %q", test.what, got, test.want)
		}
	}
}

// TestFailedImportsThatOverlapLeaveNothingBehind: there may always be one of a
// name under way, and then there is no moment at which all are over.
func TestFailedImportsThatOverlapLeaveNothingBehind(t *testing.T) {
	g, last := &guest{}, &alias{module: "works"}
	for range 100 {
		next := &alias{module: "fails"}
		if err := g.name("m", next, 1); err != nil {
			t.Fatal(err)
		}
		if last.module == "fails" {
			g.undo("m", last)
		}
		last = next
	}
	n := 0
	for a := g.aliases["m"]; a != nil; a = a.before {
		n++
	}
	if n > 2 {
		t.Errorf("%d meanings of one name are kept, with one import under way", n)
	}
}
