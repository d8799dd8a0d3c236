package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// WorkerOptions says which functions a worker serves, in one of two ways.
//
// With Public, Modules are imported and what they hold is found by looking,
// after the import; Methods, if any, then are exactly the dotted names that may
// be called. Without it, ModuleImport is Python text that brings the functions
// named by Methods into the script, as an embedder writes it who knows them.
type WorkerOptions struct {
	// ModuleImport is Python source, trusted as it is: "from m import f, g".
	// Line breaks at its end do not matter. Without Public only.
	ModuleImport string
	// Methods are the names that can be called: identifiers, or with Public
	// dotted ones inside the module ("linalg.norm").
	Methods []string
	// Async says that every one of Methods is a coroutine function.
	Async bool
	// Coroutines are those of Methods that are, where only some are.
	Coroutines []string

	// Public builds the table by looking at what Modules hold.
	Public bool
	// Modules are imported with Public, dotted names allowed. With more than
	// one, every function's name begins with its module's.
	Modules []string

	// Label is what mochi.ready calls the module, and what the command line has
	// to name: dotted names joined by commas. The default is Modules.
	Label string
}

// Validate says what is wrong with the options, and what to do about it.
func (o WorkerOptions) Validate() error {
	if o.Label != "" {
		for part := range strings.SplitSeq(o.Label, ",") {
			if err := checkDotted(part); err != nil {
				return fmt.Errorf("render: label %q: %w", o.Label, err)
			}
		}
	}
	if o.Public {
		return o.validatePublic()
	}
	return o.validateDeclared()
}

func (o WorkerOptions) validatePublic() error {
	if len(o.Modules) == 0 {
		return errors.New("render: no module to import: name one in Modules")
	}
	if o.ModuleImport != "" {
		return errors.New("render: Public imports Modules by itself: leave ModuleImport empty")
	}
	if o.Async || len(o.Coroutines) > 0 {
		return errors.New("render: Public finds coroutine functions by itself: leave Async and Coroutines empty")
	}
	for i, m := range o.Modules {
		if err := checkDotted(m); err != nil {
			return fmt.Errorf("render: module %q: %w", m, err)
		}
		if slices.Contains(o.Modules[:i], m) {
			return fmt.Errorf("render: module %q is listed twice: list it once", m)
		}
	}
	return o.validateMethods(checkDotted)
}

func (o WorkerOptions) validateDeclared() error {
	switch {
	case len(o.Modules) > 0:
		return errors.New("render: Modules are for Public: write the import into ModuleImport, or set Public")
	case strings.TrimSpace(o.ModuleImport) == "":
		return errors.New("render: no import: write one into ModuleImport, or set Public and Modules")
	case strings.Contains(o.ModuleImport, `"""`) || strings.Contains(o.ModuleImport, "'''"):
		return errors.New("render: ModuleImport is indented in the script, which would change a string of several lines: move it into a module")
	case len(o.Methods) == 0:
		return errors.New("render: no methods: name the functions that may be called, or set Public")
	}
	for _, c := range o.Coroutines {
		if !slices.Contains(o.Methods, c) {
			return fmt.Errorf("render: coroutine %q is not one of the methods: add it to Methods", c)
		}
	}
	return o.validateMethods(checkFree)
}

func (o WorkerOptions) validateMethods(check func(string) error) error {
	for i, m := range o.Methods {
		if err := check(m); err != nil {
			return fmt.Errorf("render: method %q: %w", m, err)
		}
		if slices.Contains(o.Methods[:i], m) {
			return fmt.Errorf("render: method %q is listed twice: list it once", m)
		}
	}
	return nil
}

// label is the module's name towards the daemon and on the command line.
func (o WorkerOptions) label() string {
	if o.Label != "" {
		return o.Label
	}
	return strings.Join(o.Modules, ",")
}

// called and awaited part the methods by what the script does with them.
func (o WorkerOptions) called() []string {
	return slices.DeleteFunc(slices.Clone(o.Methods), o.isCoroutine)
}

func (o WorkerOptions) awaited() []string {
	return slices.DeleteFunc(slices.Clone(o.Methods), func(m string) bool { return !o.isCoroutine(m) })
}

func (o WorkerOptions) isCoroutine(method string) bool {
	return o.Async || slices.Contains(o.Coroutines, method)
}

// sync and async say which dispatch the script has; a mixed one has both. A
// Public script calls, and the runtime awaits what turns out to be awaitable.
func (o WorkerOptions) sync() bool { return o.Public || len(o.called()) > 0 }

func (o WorkerOptions) async() bool { return !o.Public && len(o.awaited()) > 0 }
