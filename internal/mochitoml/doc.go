// Package mochitoml reads what a Mochi package's manifest says about Python:
// the tables [python], [python-dependencies] and [python.capabilities] of
// mochi.toml (MEP-71; mission rows M10 and "facts about Mochi"). All other
// tables are other people's business and are not looked at.
//
//	manifest.go      the manifest, and finding it upward from a directory
//	python.go        [python], with both spellings of the event loop's mode
//	dependencies.go  [python-dependencies], in PEP 440 and PEP 508 shapes
//	capabilities.go  [python.capabilities], and which modules want which
//	imports.go       the `import python "…" as …` lines of a program
//	importspec.go    what stands between their quotes
//
// A mistake is told as the daemon's configuration tells it, with its line, its
// column and a caret (internal/tomldoc).
package mochitoml
