package daemon

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestMochiAttrTakesItsParamsInEveryShape(t *testing.T) {
	d := start(t, "", map[string]string{
		"one": "def add(a, b):\n    return a + b\n\nclass Kind:\n    def __new__(cls):\n        return 'made'\n\nlimit = 7\n",
	})
	c := dial(t, d.host)
	for _, params := range []any{
		list{"one", "add", list{3, 4}},
		list{"one", "add", list{3, 4}, false},
		list{"one", "add", list{3, 4}, true},
		object{"module": "one", "name": "add", "args": list{3, 4}},
		list{"one", "limit"},
		list{"one", "limit", nil},
		list{"one", "limit", list{}},
	} {
		if got := call(t, c, "mochi.attr", params); got != `"7"` {
			t.Errorf("%v: %s", params, got)
		}
	}
	if got := call(t, c, "mochi.attr", list{"one", "Kind", list{}, true}); got != `"\"made\""` {
		t.Errorf("a class that is called always: %s", got)
	}
	for _, params := range []any{
		list{"one", "add", object{"a": 3}},
		list{"one", "add", "34"},
		list{"one", "add", list{3, 4}, list{}},
		list{"one", "add", list{3, 4}, false, 1},
		list{"one", 7, list{3, 4}},
		object{"module": "one", "nam": "add"},
	} {
		refused(t, c, rpc.KindInvalidParams, "", "mochi.attr", params)
	}
}

func TestMochiAttrFindsAModuleAmongSeveralOfAPool(t *testing.T) {
	d := start(t, "[pools.pair]\nmodules = [\"one\", \"two\"]\n", map[string]string{
		"one": "def add(a, b):\n    return a + b\n", "two": "def add(a, b):\n    return a * b\n",
	})
	c := dial(t, d.host)
	for range 3 {
		if one, two := call(t, c, "mochi.attr", list{"one", "add", list{3, 4}}), call(t, c, "mochi.attr", list{"two", "add", list{3, 4}}); one != `"7"` || two != `"12"` {
			t.Fatalf("%s %s", one, two)
		}
	}
}
