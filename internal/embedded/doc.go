// Package embedded runs Python functions in the host's own process: libpython
// is loaded at run time, without cgo and without development files, and the
// calls pass through the very script, dispatch and encoder that a worker
// process has. What a host gets is the same, to the byte; what it gives up is
// everything a process of its own gives: a crash, a leak or a held interpreter
// lock is the host's.
//
// How it is done, and what each step is for:
//
//   - the interpreter itself says where its library is (library.go): its build
//     left that in sysconfig, and an interpreter that runs from a shared library
//     has it mapped;
//   - the library is opened with its symbols global, since extension modules
//     look theirs up there, and initialised without signal handlers, which are
//     the Go runtime's (python.go);
//   - the program name is the interpreter's path, so that a virtual environment
//     is found as the interpreter would find it;
//   - the rendered worker script is imported instead of run (host.py): it is
//     inert then, and lends its dispatch;
//   - a call is one line in and one line out, on whatever thread it comes from,
//     under the interpreter's lock; coroutines run on one event loop, on a
//     thread of its own, or each on a loop of its own (interpreter.go).
//
// A program that links this package is dynamic. That is why the daemon does
// not, and cmd/mochi-pyd-embedded is a program of its own.
//
// There is one interpreter to a process and it does not come back: extension
// modules survive no second initialisation, so Open after Close is refused.
package embedded
