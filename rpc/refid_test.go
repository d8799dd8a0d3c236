package rpc

import (
	"slices"
	"testing"
)

func TestAHandlesIDNamesItsWorker(t *testing.T) {
	p, ok := PlaceOf("p1.w3.g2.17")
	if !ok || p != (RefPlace{1, 3, 2}) || p.String() != "p1.w3.g2" {
		t.Errorf("got %v %v", p, ok)
	}
	for _, id := range []string{"", "p1.w3.g2", "p1.w3.g2.", "p1.w3.g2.x", "p1.w3.g2.1.2", "w1.p3.g2.1", "p01.w3.g2.1", "p-1.w3.g2.1", "p1.w3.g99999999999.1", "p1.w3.g2.01"} {
		if p, ok := PlaceOf(id); ok || p != (RefPlace{}) && id != "p1.w3.g2.01" && id != "p1.w3.g2.x" && id != "p1.w3.g2." {
			t.Errorf("%q was taken for %v", id, p)
		}
	}
}

func TestHandlesAreFoundAtAnyDepthAndNothingElseIs(t *testing.T) {
	for raw, want := range map[string][]string{
		`[{"$ref":{"id":"a"}},{"k":[{"$ref":{"type":"t","id":"b","repr":"{\"$ref\":1}"}}]}]`: {"a", "b"},
		`["$ref",{"k":"$ref"},{"$dict":[["$ref",{"id":"x"}]]}]`:                              nil,
		`[{"$ref":"p1"},{"$ref":{}},{"$ref":{"id":7}}]`:                                      {"", "", ""},
		`{"\u0024ref":{"\u0069d":"a\u0062"}}`:                                                {"ab"},
	} {
		var got []string
		EachRef([]byte(raw), func(id string) bool { got = append(got, id); return true })
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", raw, got, want)
		}
	}
}
