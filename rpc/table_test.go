package rpc

import "testing"

func TestTheTableHasEveryKindOnce(t *testing.T) {
	seen := map[Kind]bool{}
	for _, row := range ErrorTable() {
		if seen[row.Kind] || row.When == "" || row.Code != row.Kind.Code() {
			t.Errorf("%+v", row)
		}
		seen[row.Kind] = true
	}
	if len(seen) != len(codeOf) {
		t.Errorf("the table has %d kinds, the code %d", len(seen), len(codeOf))
	}
}
