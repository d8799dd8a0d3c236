// Package render is floor 0: the script a worker runs. It knows Python source
// and nothing about processes, pools or the wire's Go side.
//
// A worker is two pieces of Python. What differs from module to module is a
// script of some eighty lines, made by RenderWorker from worker.py.tmpl: the
// imports, the error codes, the table _METHODS, _dispatch and _main; what a
// person wants to see and to diff. What never differs is the runtime, the
// package mochi_pyd under runtime/: real Python under ruff, mypy and pytest,
// embedded in the binary.
//
// Three things are done with them. Store writes both, once per content, where
// workers are started from. Write puts them into a directory in which
// `python3 -m mochi_worker MODULE` serves on stdin and stdout. Bundle makes one
// self-contained file of them.
//
// Names reach Python in two ways only: as identifiers that checkName has seen,
// or as one quoted literal. A fuzz test holds the script's syntax tree against
// that.
package render
