package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/mochitoml"
	"github.com/mochilang/mochi-pyd/rpc"
)

// importSpec reads what a host asked to import: a module's name, or one of
// Mochi's import strings ("numpy@>=1.26"), of which the name is left in module.
// nil when there was nothing but a name.
func importSpec(module *string) (*mochitoml.ImportSpec, *rpc.Error) {
	if !strings.ContainsAny(*module, "@[") || len(*module) > maxName {
		return nil, nil
	}
	spec, err := mochitoml.ParseImport(*module)
	if err != nil {
		return nil, rpc.NewError(rpc.KindInvalidParams, "mochi.import: "+err.Error(), rpc.Fields{"argument": "module"})
	}
	*module = spec.Module
	return &spec, nil
}

// withRequirement says, of a module that could not be imported, which command
// installs what the import string asks for: it knows more than the module's name.
func withRequirement(err error, spec *mochitoml.ImportSpec) error {
	failed := rpc.AsError(err)
	if spec == nil || failed.Kind() != rpc.KindImportFailed {
		return err
	}
	var data map[string]any
	if json.Unmarshal(failed.Data, &data) != nil || data["type"] != "ModuleNotFoundError" {
		return err
	}
	python, _ := data["python"].(string)
	data["hint"] = install(python, spec)
	delete(data, "kind")
	return rpc.NewError(rpc.KindImportFailed, fmt.Sprintf("module %s is not in the environment of %s: %s", spec.Module, python, data["hint"]), data)
}

// install is the command that puts a distribution into an interpreter's
// environment.
func install(python string, spec *mochitoml.ImportSpec) string {
	if python == "" {
		python = "python3"
	}
	return fmt.Sprintf("%s -m pip install '%s'", python, strings.ReplaceAll(spec.Requirement(), "'", ""))
}

// satisfies refuses a module whose installed distribution is of another version
// than the import string asks for.
func (d *Daemon) satisfies(ctx context.Context, s *served, spec *mochitoml.ImportSpec) error {
	if spec == nil || spec.Version == "" {
		return nil
	}
	raw, err := s.pool.Ask(ctx, "mochi.distribution", []string{spec.Module})
	if err != nil {
		return err
	}
	var found struct{ Name, Version, Python string }
	if err := json.Unmarshal(raw, &found); err != nil {
		return fmt.Errorf("what the worker says about %s's version cannot be read: %w", spec.Module, err)
	}
	if found.Version != "" && spec.Admits(found.Version) {
		return nil
	}
	if found.Name != "" {
		spec.Name = found.Name
	}
	hint := install(found.Python, spec)
	have := "it belongs to no installed distribution"
	if found.Version != "" {
		have = fmt.Sprintf("%s %s is installed", found.Name, found.Version)
	}
	return rpc.NewError(rpc.KindImportFailed,
		fmt.Sprintf("module %s is asked for as %s and %s in the environment of %s: %s", spec.Module, spec.Version, have, found.Python, hint),
		rpc.Fields{"python": found.Python, "hint": hint, "version": found.Version})
}
