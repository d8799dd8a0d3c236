// Package bind writes typed clients of Python modules: it reads the OpenRPC
// document that rpc.discover answers (model.go) and writes Go, TypeScript,
// Python or Mochi (one file each). The same document gives the same bytes.
//
// What a document says comes from Python modules that may be anybody's, and
// becomes source code here. So a name is only ever written where it was made
// safe (names.go), a wire name or a default only as a quoted literal, and
// documentation only in line comments that nothing can end early (comment.go).
//
// Every language passes arguments in the same way: what is required is a
// parameter; what has a default is an option, and is not sent unless it is set,
// so that the default stays Python's. Positional-only options, and those that
// stand before *args, can only be set together with all before them.
package bind
