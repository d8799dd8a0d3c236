package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// argsVariable is where Mochi puts a call's arguments.
const argsVariable = "MOCHI_ARGS"

// maxScript bounds what is read of a script: Mochi's have a few hundred bytes.
const maxScript = 16 << 10

// script is what one of Mochi's scripts asks for.
type script struct {
	Module, Name string
	Args         json.RawMessage
	Always       bool // call the attribute whatever it is: the older form
}

// params are those of mochi.attr.
func (s script) params() json.RawMessage {
	raw, _ := json.Marshal([]any{s.Module, s.Name, s.Args, s.Always}) // strings and JSON always marshal
	return raw
}

// The scripts, M and N standing for the module and the attribute.
const (
	attrForm = `import json, os, importlib, sys, inspect
args = json.loads(os.environ.get("MOCHI_ARGS", "[]"))
mod = importlib.import_module("M")
attr = getattr(mod, "N")
if inspect.isroutine(attr):
    res = attr(*args)
else:
    if len(args) != 0:
        raise TypeError("M.N is not callable")
    res = attr
json.dump(res, sys.stdout)
`
	callForm = `import json, os, importlib, sys
args = json.loads(os.environ.get("MOCHI_ARGS", "[]"))
mod = importlib.import_module("M")
res = getattr(mod, "N")(*args)
json.dump(res, sys.stdout)
`
)

// recognise says what the command line asks for, when it is one script of
// Mochi's and nothing else.
func recognise(args []string) (script, bool) {
	if len(args) != 1 {
		return script{}, false
	}
	if ok, err := filepath.Match("mochi_py_*.py", filepath.Base(args[0])); err != nil || !ok {
		return script{}, false
	}
	given, ok := os.LookupEnv(argsVariable)
	if !ok {
		return script{}, false
	}
	f, err := os.Open(args[0])
	if err != nil {
		return script{}, false // the real one says it better
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err != nil || len(source) > maxScript {
		return script{}, false
	}
	return read(string(source), given)
}

// read tells the two forms apart, and takes nothing for one that differs from it
// by a single byte.
func read(source, args string) (script, bool) {
	var list []json.RawMessage
	if json.Unmarshal([]byte(args), &list) != nil || list == nil {
		return script{}, false
	}
	module, ok1 := quoted(source, `importlib.import_module("`)
	name, ok2 := quoted(source, `getattr(mod, "`)
	if !ok1 || !ok2 || strings.Contains(name, ".") {
		return script{}, false
	}
	s := script{Module: module, Name: name, Args: json.RawMessage(args)}
	fill := strings.NewReplacer(`"M"`, `"`+module+`"`, `"N"`, `"`+name+`"`, `"M.N `, `"`+module+"."+name+" ")
	switch source {
	case fill.Replace(attrForm):
		return s, true
	case fill.Replace(callForm):
		s.Always = true
		return s, true
	}
	return script{}, false
}

// quoted gives the name between the quotes behind lead.
func quoted(source, lead string) (string, bool) {
	_, rest, found := strings.Cut(source, lead)
	name, _, closed := strings.Cut(rest, `"`)
	if !found || !closed || name == "" {
		return "", false
	}
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '.' && (r < '0' || r > '9')) {
			return "", false
		}
	}
	return name, true
}
