package arch

import (
	"go/ast"
	"path"
	"slices"
	"testing"
)

// timed are the floors on which something waits, ends or grows old.
var timed = []string{"rpc", "supervisor", "pool", "internal/daemon", "internal/sock"}

// unsteady turn a time into one that a change of the machine's clock moves, or
// make such a one: Go's times carry the steady clock beside the wall's, and
// these drop it.
var unsteady = []string{"Unix", "UnixNano", "UnixMilli", "UnixMicro", "UTC", "Local", "In", "AddDate", "Round", "Truncate", "Date", "Parse", "ParseInLocation", "UnmarshalJSON"}

// steady are the places where that does no harm, by file and name.
var steady = map[string]string{
	"rpc/server.go Unix":               "a deadline long past, which ends an Accept at once",
	"rpc/caller.go Unix":               "a deadline long past, which ends a read at once",
	"supervisor/board.go Truncate":     "of a file",
	"internal/sock/listen.go Truncate": "of a file",
}

// TestNothingIsTimedByTheWallClock: whoever sets the machine's clock ends no
// call and closes no pool. What is shown to people may be of the wall clock, and
// is formatted where it is shown.
func TestNothingIsTimedByTheWallClock(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() || !slices.ContainsFunc(timed, func(dir string) bool { return under(s.pkg, dir) }) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(unsteady, selector.Sel.Name) {
				return true
			}
			place := path.Clean(s.path) + " " + selector.Sel.Name
			used[place] = true
			if steady[place] == "" {
				t.Errorf("%s calls %s, which drops the steady clock of a time: compare times as time.Now gave them, or say in steady why it does no harm", s.path, selector.Sel.Name)
			}
			return true
		})
	}
	for place := range steady {
		if !used[place] {
			t.Errorf("steady lists %s, which is not there (any more): take it off the list", place)
		}
	}
}
