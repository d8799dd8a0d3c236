package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text is a value as it would be written in the file, and in one way only: two
// values are equal when their texts are.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return `""`
	case string:
		return quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case []int:
		return list(v, strconv.Itoa)
	case []string:
		return list(v, quote)
	case map[string]string:
		return inline(v)
	case os.FileMode:
		return quote(fmt.Sprintf("%04o", v))
	case time.Duration:
		return quote(duration(v))
	case Size:
		return quote(v.String())
	case BusyPoll:
		if v.Auto {
			return `"auto"`
		}
		return quote(duration(v.Max))
	}
	panic(fmt.Sprintf("config: no text for a %T", value))
}

// quote writes a TOML basic string. JSON's escapes are TOML's; but DEL, which
// JSON leaves as it is, TOML wants escaped.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

func list[T any](items []T, one func(T) string) string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = one(item)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func inline(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		key := name
		if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			key = quote(name)
		}
		out = append(out, key+" = "+quote(m[name]))
	}
	return "{ " + strings.Join(out, ", ") + " }"
}

// duration leaves out the zeros that Go writes: "1m", not "1m0s".
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// String is the size in the largest unit that needs no fraction.
func (s Size) String() string {
	if s == 0 {
		return "0"
	}
	for _, u := range []struct {
		suffix string
		factor Size
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s%u.factor == 0 {
			return fmt.Sprintf("%d%s", s/u.factor, u.suffix)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// wire is a value as JSON programs read it: numbers, lists and tables are what
// they are, the rest is the text of the file.
func wire(value any) any {
	switch v := value.(type) {
	case nil:
		return ""
	case string, bool, int:
		return v
	case []int:
		return slices.Concat([]int{}, v) // never null
	case []string:
		return slices.Concat([]string{}, v)
	case map[string]string:
		if v == nil {
			return map[string]string{}
		}
		return v
	}
	return strings.Trim(text(value), `"`)
}
