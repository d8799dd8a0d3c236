package render

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

// Script is a rendered worker.
type Script struct {
	Source string // of mochi_worker.py
	Digest string // of Source, and so of the runtime it names: what it is stored under

	title string // the modules, as a person reads them
}

//go:embed worker.py.tmpl
var workerSource string

var workerTemplate = template.Must(template.New("worker.py").
	Funcs(template.FuncMap{"quote": quote}).
	Parse(workerSource))

// RenderWorker makes the script of one worker. It is pure: equal options give
// an equal script, to the byte.
func RenderWorker(o WorkerOptions) (Script, error) {
	if err := o.Validate(); err != nil {
		return Script{}, err
	}
	title := strings.ReplaceAll(o.label(), ",", ", ")
	if title == "" {
		title = "a program's own functions"
	}
	dispatch := "_dispatch"
	if o.sync() {
		dispatch = "_dispatch_async"
	}
	var b bytes.Buffer
	err := workerTemplate.Execute(&b, struct {
		Title, Label, Runtime, Import, AsyncDispatch string
		Public, Sync, Async                          bool
		Modules, Methods, Called, Awaited            []string
	}{
		Title: title, Label: o.label(), Runtime: RuntimeDigest(), Import: o.importText(), AsyncDispatch: dispatch,
		Public: o.Public, Sync: o.sync(), Async: o.async(),
		Modules: o.Modules, Methods: o.Methods, Called: o.called(), Awaited: o.awaited(),
	})
	if err != nil {
		return Script{}, fmt.Errorf("render: the worker template: %w", err)
	}
	source := b.String()
	return Script{Source: source, Digest: digest([]byte(source)), title: title}, nil
}

// importText is the script's imports, inside the block that reports their
// failure, with exactly one newline at the end.
func (o WorkerOptions) importText() string {
	text := strings.Trim(o.ModuleImport, "\r\n")
	if o.Public {
		text = "import " + strings.Join(o.Modules, "\nimport ")
	}
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line != "" {
			b.WriteString("    " + line)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
