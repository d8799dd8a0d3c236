package daemon

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mochilang/mochi-pyd/internal/config"
)

// TestEveryLiveKeyOfAPoolReachesThePool: a key that says it holds at once, and
// that nobody hands on, would be a reload that does nothing.
func TestEveryLiveKeyOfAPoolReachesThePool(t *testing.T) {
	d := start(t, "", nil)
	apply := map[string]config.Apply{}
	for _, k := range config.Keys() {
		if k.Section == config.SectionPools {
			apply[k.Name] = k.Apply
		}
	}
	standard := config.Default().OnDemand("math")
	before := d.poolConfig(standard, 1)
	typ := reflect.TypeFor[config.Pool]()
	for i := range typ.NumField() {
		key := typ.Field(i).Tag.Get("key")
		if apply[key] != config.ApplyLive || key == "alias" { // the registry's
			continue
		}
		changed := standard
		switch f := reflect.ValueOf(&changed).Elem().Field(i); v := f.Interface().(type) {
		case int:
			f.SetInt(int64(v) + 1)
		case time.Duration:
			f.SetInt(int64(v + time.Second))
		case config.Size:
			f.SetInt(int64(v) + 1)
		default:
			t.Errorf("%s is live, and this test does not know how to change a %T", key, v)
		}
		if after := d.poolConfig(changed, 1); cmp.Equal(before, after) {
			t.Errorf("%s changes nothing about its pool", key)
		}
	}
}

// TestEveryKeyOfTheDaemonThatIsLiveIsLookedUpWhenItIsNeeded: what was copied at
// the start would not change.
func TestEveryKeyOfTheDaemonThatIsLiveIsLookedUpWhenItIsNeeded(t *testing.T) {
	r := startFile(t, "[pools.img]\n", two)
	before := r.limits()
	r.say(t, `
[pool-defaults]
python-path = ["lib"]
workers = 1
[daemon]
max-batch = 7
max-connections = 8
max-connections-per-uid = 9
max-in-flight = 10
max-in-flight-per-uid = 11
max-inbound = "65MiB"
max-inbound-total = "66MiB"
max-outbound = "67MiB"
write-timeout = "68s"
[pools.img]
`)
	r.reread(t)
	was, is := reflect.ValueOf(before), reflect.ValueOf(r.limits())
	for i := range was.NumField() {
		name := was.Type().Field(i).Name
		same := was.Field(i).Interface() == is.Field(i).Interface()
		if fixed := name == "MaxMessage" || name == "MaxCallbacks" || name == "MaxBadLines" || name == "Grace"; same != fixed {
			t.Errorf("%s was %v and is %v", name, was.Field(i), is.Field(i))
		}
	}
}
