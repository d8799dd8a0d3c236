package render

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed bundle.py.tmpl
var bundleSource string

var bundleTemplate = template.Must(template.New("bundle.py").
	Funcs(template.FuncMap{"quote": quote}).
	Parse(bundleSource))

// bundledFile is one module of the runtime, by its dotted name.
type bundledFile struct {
	Name  string
	Lines []string // each with its newline
}

// Bundle makes one self-contained Python file of the script and the runtime:
// copied anywhere, `python3 FILE` serves on stdin and stdout. It starts slower
// than the two apart, since it is compiled at every start. The runtime is in it
// as text and not compressed, so that it can be read and diffed.
func Bundle(s Script) []byte {
	var files []bundledFile
	for _, f := range runtimeSources() {
		name := runtimePackage
		if module := strings.TrimSuffix(f.name, ".py"); module != "__init__" {
			name += "." + module
		}
		lines := strings.SplitAfter(string(f.source), "\n")
		files = append(files, bundledFile{name, lines[:len(lines)-1]})
	}
	var b bytes.Buffer
	err := bundleTemplate.Execute(&b, struct {
		Title, Script string
		Files         []bundledFile
	}{s.title, s.Source, files})
	if err != nil { // only for a template that does not fit its data
		panic(fmt.Sprintf("render: the bundle template: %v", err))
	}
	return b.Bytes()
}
