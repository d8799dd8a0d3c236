package pkgcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/mochilang/mochi-pyd/internal/mochitoml"
)

// maxProgram bounds what is read of a program to find its imports.
const maxProgram = 16 << 20

// plan is what will be run, and how.
type plan struct {
	manifest *mochitoml.Manifest // never nil; without a file when there is none
	env      environment
	mode     string
	modeWhy  string
	loop     string

	program  string   // the Mochi program; "" for a function
	function string   // the dotted name of a function
	words    []string // what follows it
	imports  []mochitoml.Import

	warnings []string
}

// makePlan reads the manifest and the program, and finds the interpreter. It
// starts nothing but the interpreter that is asked who it is.
func (o *options) makePlan(ctx context.Context, args []string) (*plan, error) {
	p := &plan{words: args[1:], loop: mochitoml.LoopPersistent}
	dir := "."
	if strings.HasSuffix(args[0], ".mochi") {
		p.program = args[0]
		dir = filepath.Dir(p.program)
		if err := p.readProgram(); err != nil {
			return nil, err
		}
	} else {
		p.function = args[0]
		module, _, _ := strings.Cut(p.function, ".")
		p.imports = []mochitoml.Import{{ImportSpec: mochitoml.ImportSpec{Module: module}, As: module}}
	}
	file, err := mochitoml.Find(dir)
	if err != nil {
		return nil, exitf(ExitFailed, "look for %s: %w", mochitoml.FileName, err)
	}
	root := dir
	p.manifest = &mochitoml.Manifest{}
	if file != "" {
		if p.manifest, err = mochitoml.Load(file); err != nil {
			return nil, ofManifest(err)
		}
		root = p.manifest.Dir
	}
	switch {
	case o.runtime != "":
		p.mode, p.modeWhy = o.runtime, "--runtime"
	case p.manifest.RuntimeMode != "":
		p.mode, p.modeWhy = p.manifest.RuntimeMode, file
	default:
		p.mode, p.modeWhy = mochitoml.ModeSubprocess, "the default"
	}
	if p.manifest.EventLoop != "" {
		p.loop = p.manifest.EventLoop
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, exitf(ExitFailed, "the package's directory: %w", err)
	}
	if p.env, err = findEnvironment(ctx, o.python, root); err != nil {
		return nil, err
	}
	if err := p.manifest.CheckPython(p.env.interpreter.Path, p.env.interpreter.Version); err != nil {
		return nil, ofManifest(err)
	}
	if file != "" {
		for _, i := range p.imports {
			for _, missing := range p.manifest.Missing(i.Module) {
				p.warnings = append(p.warnings, file+": "+missing)
			}
		}
	}
	return p, nil
}

func (p *plan) readProgram() error {
	f, err := os.Open(p.program)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return exitf(ExitFailed, "there is no program %s", p.program)
		}
		return exitf(ExitFailed, "%w", err)
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxProgram+1))
	if err != nil {
		return exitf(ExitFailed, "read %s: %w", p.program, err)
	}
	if len(source) > maxProgram {
		return exitf(ExitFailed, "%s has more than %d bytes: that is no program", p.program, maxProgram)
	}
	if p.imports, err = mochitoml.Imports(p.program, string(source)); err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	return nil
}

// explain prints the plan.
func (p *plan) explain(out io.Writer, backend string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, value) }
	if p.program != "" {
		line("program", p.program)
	} else {
		line("function", strings.Join(append([]string{p.function}, p.words...), " "))
	}
	manifest := p.manifest.File
	if manifest == "" {
		manifest = "none (no " + mochitoml.FileName + " here or above)"
	}
	line("manifest", manifest)
	line("python", p.env.String())
	if p.manifest.RequiresPython != "" {
		line("requires-python", p.manifest.RequiresPython)
	}
	line("runtime", fmt.Sprintf("%s (from %s)", p.mode, p.modeWhy))
	line("event loop", p.loop)
	line("calls go to", backend)
	for _, i := range p.imports {
		value := i.Module
		if i.As != i.Module {
			value += " as " + i.As
		}
		if i.Requirement() != i.Name {
			value += "  (" + i.Requirement() + ")"
		}
		line("import", value)
	}
	for _, d := range p.manifest.Dependencies {
		line("dependency", d.Requirement())
	}
	for _, warning := range p.warnings {
		line("warning", warning)
	}
	return w.Flush()
}
