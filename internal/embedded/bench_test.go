package embedded

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// BenchmarkCall is a call in the process: go test -run '^$' -bench . here.
func BenchmarkCall(b *testing.B) {
	interpreter, _, err := rig.Python(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	guest, err := filepath.Abs("testdata")
	if err != nil {
		b.Fatal(err)
	}
	i, err := Open(b.Context(), interpreter, Options{Modules: []string{"guest"}, Path: []string{guest}})
	if err != nil {
		b.Skipf("no interpreter in this process: %v", err)
	}
	for name, params := range map[string]string{"add": "[3,4]", "where": "[]"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, bad := i.Call(name, json.RawMessage(params), nil); bad != nil {
					b.Fatal(bad)
				}
			}
		})
	}
	if err := i.Close(); err != nil {
		b.Error(err)
	}
}
