package embedded

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// object is a PyObject*: never Go memory, so the collector need not know it.
type object uintptr

// capi is what is called of CPython's C API: all of it in the stable ABI, so
// that one table serves every version, and none of it variadic, since a
// variadic C function is called differently on some systems.
type capi struct {
	decodeLocale    func(text string, size unsafe.Pointer) uintptr
	setProgramName  func(wide uintptr)
	initialize      func(signals int32)
	finalize        func() int32
	saveThread      func() uintptr
	restoreThread   func(state uintptr)
	ensure          func() int32
	release         func(state int32)
	run             func(source string) int32
	addModule       func(name string) object
	attribute       func(of object, name string) object
	bytesOf         func(data unsafe.Pointer, size int) object
	bytesData       func(bytes object) unsafe.Pointer
	bytesSize       func(bytes object) int
	newTuple        func(size int) object
	setItem         func(tuple object, at int, item object) int32
	call            func(function, arguments object) object
	print           func()
	decRef          func(o object)
	clearExceptions func()
}

// load opens the library and looks the functions up. Its symbols are global
// because extension modules are not linked against it.
func load(path string) (*capi, error) {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("embedded: open %s: %w", path, err)
	}
	var c capi
	for name, function := range map[string]any{
		"Py_DecodeLocale":           &c.decodeLocale,
		"Py_SetProgramName":         &c.setProgramName,
		"Py_InitializeEx":           &c.initialize,
		"Py_FinalizeEx":             &c.finalize,
		"PyEval_SaveThread":         &c.saveThread,
		"PyEval_RestoreThread":      &c.restoreThread,
		"PyGILState_Ensure":         &c.ensure,
		"PyGILState_Release":        &c.release,
		"PyRun_SimpleString":        &c.run,
		"PyImport_AddModule":        &c.addModule,
		"PyObject_GetAttrString":    &c.attribute,
		"PyBytes_FromStringAndSize": &c.bytesOf,
		"PyBytes_AsString":          &c.bytesData,
		"PyBytes_Size":              &c.bytesSize,
		"PyTuple_New":               &c.newTuple,
		"PyTuple_SetItem":           &c.setItem,
		"PyObject_CallObject":       &c.call,
		"PyErr_Print":               &c.print,
		"PyErr_Clear":               &c.clearExceptions,
		"Py_DecRef":                 &c.decRef,
	} {
		symbol, err := purego.Dlsym(library, name)
		if err != nil {
			return nil, fmt.Errorf("embedded: %s has no %s (needed is a CPython from 3.9 to 3.14): %w", path, name, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	return &c, nil
}

// start initialises the interpreter on the calling thread and gives the lock
// back; what it returns is for stop, on the same thread.
func (c *capi) start(executable string) (state uintptr) {
	// CPython keeps the pointer, and the memory is its own: never freed.
	c.setProgramName(c.decodeLocale(executable, nil))
	c.initialize(0) // no signal handlers: they are the Go runtime's
	return c.saveThread()
}

// invoke calls a function of __main__ with one bytes object and gives the bytes
// it returns. The function must not raise: what it has to say is in the bytes.
func (c *capi) invoke(function object, argument []byte) ([]byte, error) {
	runtime.LockOSThread() // a thread state belongs to a thread
	defer runtime.UnlockOSThread()
	held := c.ensure()
	defer c.release(held)
	tuple := c.newTuple(1)
	if tuple == 0 {
		c.clearExceptions()
		return nil, errMemory
	}
	defer c.decRef(tuple)
	given := c.bytesOf(unsafe.Pointer(unsafe.SliceData(argument)), len(argument))
	runtime.KeepAlive(argument)
	if given == 0 {
		c.clearExceptions()
		return nil, errMemory
	}
	c.setItem(tuple, 0, given) // takes the reference
	result := c.call(function, tuple)
	if result == 0 {
		c.print() // onto stderr, and forgotten
		return nil, errRaised
	}
	defer c.decRef(result)
	size := c.bytesSize(result)
	if size < 0 {
		c.clearExceptions()
		return nil, errRaised
	}
	answer := make([]byte, size)
	copy(answer, unsafe.Slice((*byte)(c.bytesData(result)), size))
	return answer, nil
}
