package config

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
	"github.com/mochilang/mochi-pyd/render"
)

// Size is a number of bytes, written with a unit: "512MiB".
type Size int64

// BusyPoll is how long a worker may poll before it sleeps.
type BusyPoll struct {
	Auto bool
	Max  time.Duration // with Auto unset; 0 = off
}

var (
	typeString   = reflect.TypeFor[string]()
	typeStrings  = reflect.TypeFor[[]string]()
	typeBool     = reflect.TypeFor[bool]()
	typeInt      = reflect.TypeFor[int]()
	typeInts     = reflect.TypeFor[[]int]()
	typeMap      = reflect.TypeFor[map[string]string]()
	typeMode     = reflect.TypeFor[os.FileMode]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeSize     = reflect.TypeFor[Size]()
	typeBusyPoll = reflect.TypeFor[BusyPoll]()
)

// wrong is a value that does not fit its key. element is which part of it, for
// the position: an index of a list, a key of a table, or "".
type wrong struct {
	message string
	element string
}

func (w *wrong) Error() string { return w.message }

func wrongf(format string, args ...any) *wrong {
	return &wrong{message: fmt.Sprintf(format, args...)}
}

// parse turns a decoded TOML value into the key's Go value. Relative paths are
// relative to base.
func (k *Key) parse(raw any, base string) (any, *wrong) {
	switch k.typ {
	case typeBool:
		b, ok := raw.(bool)
		if !ok {
			return nil, wrongf("%s wants true or false, without quotes", k.Name)
		}
		return b, nil
	case typeInt:
		n, ok := raw.(int64)
		if !ok {
			return nil, wrongf("%s wants a whole number, such as %s", k.Name, k.example())
		}
		return k.checkInt(n)
	case typeInts:
		return k.parseInts(raw)
	case typeStrings:
		return k.parseStrings(raw, base)
	case typeMap:
		return k.parseMap(raw)
	}
	s, ok := raw.(string)
	if !ok {
		hint := ""
		if n, isInt := raw.(int64); isInt && k.Unit != "" {
			hint = fmt.Sprintf(": a number needs a unit, as in \"%d%s\"", n, map[string]string{"duration": "s", "size": "MiB"}[k.Unit])
		}
		return nil, wrongf("%s wants a string, such as %q%s", k.Name, k.example(), hint)
	}
	return k.parseString(s, base)
}

func (k *Key) parseString(s, base string) (any, *wrong) {
	switch k.typ {
	case typeString:
		return k.checkString(s, base)
	case typeDuration:
		return k.parseDuration(s)
	case typeBusyPoll:
		if s == "auto" {
			return BusyPoll{Auto: true}, nil
		}
		d, w := k.parseDuration(s)
		return BusyPoll{Max: d}, w
	case typeSize:
		n, w := parseSize(k.Name, s)
		if w != nil {
			return nil, w
		}
		low, _ := parseSize(k.Name, k.Min)
		high, _ := parseSize(k.Name, k.Max)
		if n < low || n > high {
			return nil, wrongf("%s must be between %s and %s, not %s", k.Name, k.Min, k.Max, s)
		}
		return n, nil
	case typeMode:
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o777 {
			return nil, wrongf("%s wants octal permissions, such as %q, not %q", k.Name, k.example(), s)
		}
		if n&0o111 != 0 || n&0o600 != 0o600 {
			return nil, wrongf("%s must let its owner read and write and nobody execute, as %q does, not %q", k.Name, k.example(), s)
		}
		return os.FileMode(n), nil
	}
	panic("config: no parser for the type of " + k.Name)
}

// parseText reads a value from the command line or from a default.
func (k *Key) parseText(words []string, base string) (any, error) {
	var raw any
	switch k.typ {
	case typeStrings:
		list := make([]any, len(words))
		for i, w := range words {
			list[i] = w
		}
		raw = list
	case typeBool:
		b, err := strconv.ParseBool(words[0])
		if err != nil {
			return nil, wrongf("%s wants true or false, not %q", k.Name, words[0])
		}
		raw = b
	case typeInt:
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			return nil, wrongf("%s wants a whole number, not %q", k.Name, words[0])
		}
		raw = n
	default:
		raw = words[0]
	}
	v, w := k.parse(raw, base)
	if w != nil {
		return nil, w
	}
	return v, nil
}

func (k *Key) checkInt(n int64) (any, *wrong) {
	low, _ := strconv.ParseInt(k.Min, 10, 64)
	high, _ := strconv.ParseInt(k.Max, 10, 64)
	if n < low || n > high {
		return nil, wrongf("%s must be between %d and %d, not %d", k.Name, low, high, n)
	}
	return int(n), nil
}

func (k *Key) parseInts(raw any) (any, *wrong) {
	list, ok := raw.([]any)
	if !ok {
		return nil, wrongf("%s wants a list of whole numbers, such as [1000]", k.Name)
	}
	out := make([]int, 0, len(list))
	for i, item := range list {
		n, ok := item.(int64)
		if !ok {
			return nil, &wrong{message: k.Name + " wants a list of whole numbers, such as [1000]", element: strconv.Itoa(i)}
		}
		v, w := k.checkInt(n)
		if w != nil {
			w.element = strconv.Itoa(i)
			return nil, w
		}
		out = append(out, v.(int))
	}
	return out, nil
}

func (k *Key) parseStrings(raw any, base string) (any, *wrong) {
	list, ok := raw.([]any)
	if !ok {
		return nil, wrongf("%s wants a list of strings, such as [\"a\", \"b\"]", k.Name)
	}
	out := make([]string, 0, len(list))
	for i, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, &wrong{message: k.Name + " wants a list of strings, such as [\"a\", \"b\"]", element: strconv.Itoa(i)}
		}
		v, w := k.checkString(s, base)
		switch {
		case w != nil:
		case s == "":
			w = wrongf("%s holds an empty string", k.Name)
		case k.as == "module" && slices.Contains(out, s):
			w = wrongf("%s holds %q twice: keep one", k.Name, s) // what the renderer would refuse, too late for a place
		}
		if w != nil {
			w.element = strconv.Itoa(i)
			return nil, w
		}
		out = append(out, v.(string))
	}
	return out, nil
}

func (k *Key) parseMap(raw any) (any, *wrong) {
	m, ok := raw.(map[string]any)
	if !ok {
		return nil, wrongf("%s wants a table of strings, such as { NAME = \"value\" }", k.Name)
	}
	out := make(map[string]string, len(m))
	for name, item := range m {
		s, ok := item.(string)
		switch {
		case !ok:
			return nil, &wrong{message: fmt.Sprintf("%s.%s wants a string: put the value in quotes", k.Name, name), element: name}
		case name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(s, "\x00"):
			return nil, &wrong{message: fmt.Sprintf("%s: %q cannot be an environment variable", k.Name, name), element: name}
		}
		out[name] = s
	}
	return out, nil
}

func (k *Key) checkString(s, base string) (any, *wrong) {
	if strings.ContainsRune(s, 0) {
		return nil, wrongf("%s holds a NUL character", k.Name)
	}
	if len(k.Enum) > 0 {
		for _, e := range k.Enum {
			if s == e {
				return s, nil
			}
		}
		return nil, wrongf("%s must be one of %s, not %q%s", k.Name, strings.Join(k.Enum, ", "), s, tomldoc.DidYouMean(s, k.Enum))
	}
	switch k.as {
	case "path":
		if s != "" && !filepath.IsAbs(s) && base != "" {
			s = filepath.Join(base, s)
		}
	case "endpoint":
		return k.checkEndpoint(s, base)
	case "program":
		if s == "" {
			return nil, wrongf("%s must not be empty: leave it out for the default", k.Name)
		}
		if strings.ContainsRune(s, '/') && !filepath.IsAbs(s) && base != "" {
			s = filepath.Join(base, s)
		}
	case "module":
		if !ModuleName(s) {
			return nil, wrongf("%s wants a dotted Python name, such as \"numpy\" or \"os.path\", not %q", k.Name, s)
		}
	case "pattern":
		if !ModuleName(strings.TrimSuffix(s, ".*")) {
			return nil, wrongf("%s wants exact dotted names, or \"name.*\", not %q", k.Name, s)
		}
	}
	return s, nil
}

func (k *Key) parseDuration(s string) (time.Duration, *wrong) {
	d, err := time.ParseDuration(s)
	if err != nil || s == "0" {
		hint := ""
		if _, numErr := strconv.ParseFloat(s, 64); numErr == nil {
			hint = fmt.Sprintf(": the unit is missing, as in \"%ss\"", s)
		}
		return 0, wrongf("%s wants a duration with a unit (ms, s, m, h), such as %q, not %q%s", k.Name, k.example(), s, hint)
	}
	low, _ := time.ParseDuration(k.Min)
	high, _ := time.ParseDuration(k.Max)
	if d < low || d > high {
		return 0, wrongf("%s must be between %s and %s, not %s", k.Name, k.Min, k.Max, s)
	}
	return d, nil
}

func (k *Key) example() string {
	switch {
	case k.Default != "" && k.Default != "0":
		return k.Default
	case k.typ == typeSize:
		return "512MiB"
	case k.typ == typeInt:
		return "4"
	}
	return "..."
}

// Powers of 1024 and of 1000: both are written in the wild, and they differ.
var sizeUnits = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

func parseSize(key, s string) (Size, *wrong) {
	if s == "0" {
		return 0, nil
	}
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n < 0 || math.IsNaN(n) || n*u.factor > math.MaxInt64/2 {
			break
		}
		return Size(n * u.factor), nil
	}
	hint := ""
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		hint = fmt.Sprintf(": the unit is missing, as in \"%sMiB\"", s)
	}
	return 0, wrongf("%s wants a size with a unit (KiB, MiB, GiB), such as \"512MiB\", not %q%s", key, s, hint)
}

// ModuleName says that s can be imported: what the renderer accepts.
func ModuleName(s string) bool {
	return render.WorkerOptions{Public: true, Modules: []string{s}}.Validate() == nil
}

// DottedName says that s is identifiers joined by dots, as a function's name
// is. Python allows more letters than ASCII in an identifier, so do we.
func DottedName(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for i, r := range part {
			if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
				return false
			}
		}
	}
	return true
}
